import { type ContinueOn, type Precondition, parseReferences, type RetryPolicy, type StepAction } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { DefaultFields } from './step-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** Fields that a worker or an agent would need, and what to write instead. A call runs on no worker. */
const notForCalls = {
  command: undefined,
  exec: undefined,
  script: undefined,
  http: undefined,
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
  no_progress_timeout_sec: 'no_progress_timeout_sec in the DAG that is called',
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
  checkChoices(raw, dag, source);
  return {
    kind: 'call',
    dag,
    ...(values.choices === undefined || nodes.choices === undefined ? {} : { choices: values.choices }),
    ...(values.params === undefined ? {} : { params: values.params }),
  };
};

/** The name itself is judged with the rest of the DAG. */
const checkChoices = ({ nodes, keys, node }: RawStep, dag: string, source: SourceText): void => {
  if (nodes.choices === undefined || dag === '' || parseReferences(dag).length > 0) return;
  const message = 'choices is only for a call whose name holds references';
  source.report(keys.choices ?? node, { message, expected: 'call: a text with ${…}, or no choices' });
};

/** What a call shares with other steps, as far as it came from the step itself or from the defaults. */
export interface CallPolicies {
  readonly preconditions: readonly Precondition[];
  readonly continueOn: ContinueOn;
  readonly retryPolicy: RetryPolicy | undefined;
}

/** A call, like a wait, is decided and judged without a worker: nothing that needs a shell, an exit code or what a program printed. */
export const checkCallPolicies = (
  raw: RawStep,
  defaults: DefaultFields | undefined,
  policies: CallPolicies,
  source: SourceText,
  what = 'a call',
): void => {
  const { nodes } = raw;
  const at = nodes.preconditions ?? defaults?.nodes.preconditions ?? raw.node;
  policies.preconditions.forEach((precondition, index) => {
    if (!needsShell(precondition)) return;
    const item = at.kind === 'list' ? (at.items[index] ?? at) : at;
    const message = `a precondition of ${what} cannot use the shell`;
    source.report(item, { message, expected: 'condition and expected, as texts' });
  });
  if (nodes.retry_policy !== undefined && (policies.retryPolicy?.exitCodes.length ?? 0) > 0) {
    source.report(nodes.retry_policy, {
      message: `${what} has no exit code`,
      expected: 'retry_policy without exit_code',
    });
  }
  if (nodes.continue_on === undefined) return;
  if (policies.continueOn.exitCodes.length > 0) {
    source.report(nodes.continue_on, {
      message: `${what} has no exit code`,
      expected: 'continue_on without exit_code',
    });
  }
  if (policies.continueOn.output.length > 0) {
    source.report(nodes.continue_on, { message: `${what} prints nothing`, expected: 'continue_on without output' });
  }
};

/** True for a text to compare that a shell would have to expand first. */
const needsShell = ({ condition, expected }: Precondition): boolean => {
  if (expected === undefined) return false;
  let literal = '';
  let from = 0;
  for (const { start, end } of parseReferences(condition)) {
    literal += condition.slice(from, start);
    from = end;
  }
  return /[$`]/.test(literal + condition.slice(from));
};
