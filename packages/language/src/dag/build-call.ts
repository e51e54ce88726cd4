import {
  type ContinueOn,
  isName,
  parseReferences,
  type Precondition,
  type RetryPolicy,
  type StepAction,
} from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { quoted } from '../shape/scalars.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import type { DefaultFields } from './step-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** Fields that a worker or an agent would need, and what to write instead. A call runs on no worker. */
const notForCalls = {
  command: undefined,
  exec: undefined,
  script: undefined,
  prompt: undefined,
  agent: undefined,
  limits: undefined,
  memory: undefined,
  output_schema: undefined,
  shell: undefined,
  working_dir: undefined,
  env: 'params',
  secrets: 'secrets in the DAG that is called',
  output: 'outputs of the DAG that is called',
  outputs: 'outputs of the DAG that is called',
  worker_selector: 'worker_selector in the DAG that is called',
  on_worker_loss: 'on_worker_loss in the DAG that is called',
  repeat_safe: 'repeat_safe in the DAG that is called',
} as const;

/** The action of a call step; everything that cannot work for one is reported. */
export const buildCall = (raw: RawStep, source: SourceText): StepAction => {
  const { values, nodes, node } = raw;
  for (const [field, instead] of Object.entries(notForCalls)) {
    const name = field as keyof typeof notForCalls;
    if (nodes[name] === undefined) continue;
    const message = `${field} is not for a call step`;
    source.report(raw.keys[name] ?? node, instead === undefined ? { message } : { message, expected: instead });
  }
  if (nodes.call === undefined) {
    if (!raw.suspected.has('call')) {
      source.report(node, { message: 'a step of type dag needs call', expected: 'call: the name of a DAG' });
    }
    return { kind: 'noop' };
  }
  const dag = values.call ?? '';
  checkName(raw, dag, nodes.call, source);
  refuseEnvironment(JSON.stringify([dag, values.params ?? {}]), nodes.params ?? nodes.call, source);
  return {
    kind: 'call',
    dag,
    ...(values.choices === undefined || nodes.choices === undefined ? {} : { choices: values.choices }),
    ...(values.params === undefined ? {} : { params: values.params }),
  };
};

const checkName = ({ values, nodes, keys }: RawStep, dag: string, node: YamlNode, source: SourceText): void => {
  if (values.call === undefined) return;
  if (parseReferences(dag).length > 0) {
    if (nodes.choices !== undefined) return;
    source.report(node, {
      message: 'a call whose name holds references needs choices',
      expected: 'choices: every name that it may become',
    });
  } else if (!isName(dag)) {
    const expected = 'a name, or a text with ${…} references and choices beside it';
    source.report(node, { message: `${quoted(dag)} is not the name of a DAG`, expected });
  } else if (nodes.choices !== undefined) {
    const message = 'choices is only for a call whose name holds references';
    source.report(keys.choices ?? node, { message, expected: 'call: a text with ${…}, or no choices' });
  }
};

const refuseEnvironment = (text: string, node: YamlNode, source: SourceText): void => {
  const found = parseReferences(text).find(({ target }) => target.kind === 'env');
  if (found === undefined) return;
  const message = `\${${found.expression}}: a call has no environment`;
  source.report(node, { message, expected: 'a reference to a parameter or to an output' });
};

/** What a call shares with other steps, as far as it came from the step itself or from the defaults. */
export interface CallPolicies {
  readonly preconditions: readonly Precondition[];
  readonly continueOn: ContinueOn;
  readonly retryPolicy: RetryPolicy | undefined;
}

/** A call is decided and judged without a worker: nothing that needs a shell, an exit code or what a program printed. */
export const checkCallPolicies = (
  raw: RawStep,
  defaults: DefaultFields | undefined,
  policies: CallPolicies,
  source: SourceText,
): void => {
  const { nodes } = raw;
  const at = nodes.preconditions ?? defaults?.nodes.preconditions ?? raw.node;
  policies.preconditions.forEach((precondition, index) => {
    const problem = preconditionProblem(precondition);
    if (problem === undefined) return;
    const item = at.kind === 'list' ? (at.items[index] ?? at) : at;
    source.report(item, {
      message: `a precondition of a call ${problem}`,
      expected: 'condition and expected, as texts',
    });
  });
  if (nodes.retry_policy !== undefined && (policies.retryPolicy?.exitCodes.length ?? 0) > 0) {
    source.report(nodes.retry_policy, {
      message: 'a call has no exit code',
      expected: 'retry_policy without exit_code',
    });
  }
  if (nodes.continue_on === undefined) return;
  if (policies.continueOn.exitCodes.length > 0) {
    source.report(nodes.continue_on, { message: 'a call has no exit code', expected: 'continue_on without exit_code' });
  }
  if (policies.continueOn.output.length > 0) {
    source.report(nodes.continue_on, { message: 'a call prints nothing', expected: 'continue_on without output' });
  }
};

const preconditionProblem = ({ condition, expected }: Precondition): string | undefined => {
  if (expected === undefined) return 'cannot be a command';
  if (expected.startsWith('re:')) return 'cannot use re:';
  const references = parseReferences(condition);
  if ([...references, ...parseReferences(expected)].some(({ target }) => target.kind === 'env')) {
    return 'has no environment to refer to';
  }
  let literal = '';
  let from = 0;
  for (const { start, end } of references) {
    literal += condition.slice(from, start);
    from = end;
  }
  return /[$`]/.test(literal + condition.slice(from)) ? 'cannot use the shell' : undefined;
};
