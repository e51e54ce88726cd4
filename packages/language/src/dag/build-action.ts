import type { StepAction } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { buildCall } from './build-call.ts';
import { buildHttp, isRequest } from './build-http.ts';
import { buildWait, waitKindOf } from './build-wait.ts';
import type { DefaultFields } from './step-fields.ts';
import type { RawStep } from './steps-shape.ts';

const workFields = ['command', 'exec', 'script'] as const;
const agentFields = ['prompt', 'output_schema', 'limits', 'memory'] as const;
const callFields = ['choices', 'params'] as const;
const choices = 'one of command, exec, script, agent, http, call, wait, approval, or type: noop';

/** An action, and the shell that `command` names for a `script` beside it. */
export interface BuiltAction {
  readonly action: StepAction;
  readonly shell?: readonly string[];
  /** Where a wait or an approval is written. */
  readonly node?: YamlNode;
}

const refuseOtherType = ({ values, nodes, node }: RawStep, source: SourceText): void => {
  if (values.type === undefined || values.type === 'dag') return;
  source.report(nodes.type ?? node, {
    message: `call is not for a step of type ${values.type}`,
    expected: 'type: dag',
  });
};

const nothing: BuiltAction = { action: { kind: 'noop' } };

/** What a step does. Contradictions are reported; a step that cannot be read does nothing. */
export const buildAction = (raw: RawStep, defaults: DefaultFields | undefined, source: SourceText): BuiltAction => {
  const { values, nodes } = raw;
  if (nodes.type !== undefined && values.type === undefined) return nothing;
  const waitKind = waitKindOf(raw);
  if (waitKind !== undefined) return buildWait(raw, waitKind, source);
  if (isRequest(raw)) return buildHttp(raw, source);
  if (values.type === 'dag' || nodes.call !== undefined) {
    refuseOtherType(raw, source);
    return { action: buildCall(raw, source) };
  }
  refuseFields(raw, callFields, 'only for a step with call', source);
  const works = workFields.some((field) => nodes[field] !== undefined);
  const looksLikeAgent = values.type === undefined && !works && (nodes.agent ?? nodes.prompt) !== undefined;
  if (values.type === 'agent' || looksLikeAgent) return { action: buildAgent(raw, defaults, source) };
  refuseFields(
    raw,
    nodes.agent === undefined ? agentFields : ['agent', ...agentFields],
    'only for agent steps',
    source,
  );
  if (values.type === 'noop') {
    refuseFields(raw, [...workFields, 'secrets', 'no_progress_timeout_sec'], 'not for a step of type noop', source);
    return nothing;
  }
  return buildWork(raw, source);
};

const buildWork = (raw: RawStep, source: SourceText): BuiltAction => {
  const { values, nodes } = raw;
  if (nodes.exec !== undefined && (nodes.command ?? nodes.script) !== undefined) {
    const spot = raw.keys.exec ?? raw.node;
    source.report(spot, {
      message: `exec may not stand beside ${nodes.command ? 'command' : 'script'}`,
      expected: choices,
    });
    return nothing;
  }
  if (nodes.script !== undefined) return buildScript(raw, source);
  if (nodes.command !== undefined) {
    const commands = values.command ?? [];
    const isEmpty = values.command !== undefined && commands.every((line) => line.trim() === '');
    if (isEmpty)
      source.report(nodes.command, { message: 'the command is empty', expected: 'a command or a list of commands' });
    return { action: { kind: 'shell', commands } };
  }
  if (nodes.exec !== undefined) return { action: { kind: 'exec', argv: values.exec ?? [] } };
  // A field that is unknown or not supported yet was reported already and is probably what the step does.
  const understood = raw.node.entries.length === Object.keys(nodes).length;
  if (understood) source.report(raw.node, { message: 'the step does nothing', expected: choices });
  return nothing;
};

/** Dagu's `command: python` beside `script`: the command is the program that runs the script. */
const buildScript = (raw: RawStep, source: SourceText): BuiltAction => {
  const { values } = raw;
  const action: StepAction = { kind: 'script', script: values.script ?? '' };
  if (values.command === undefined) return { action };
  const [program = '', ...more] = values.command;
  if (more.length === 0 && values.shell === undefined) return { action, shell: program.trim().split(/\s+/) };
  const spot = raw.keys.command ?? raw.node;
  source.report(spot, {
    message: 'command beside script names the one program that runs it',
    expected: 'a program, and no shell',
  });
  return nothing;
};

const buildAgent = (raw: RawStep, defaults: DefaultFields | undefined, source: SourceText): StepAction => {
  const { values, nodes, node } = raw;
  refuseFields(raw, [...workFields, 'secrets'], 'not for an agent step', source);
  const agent = values.agent ?? (nodes.agent === undefined ? defaults?.values.agent : undefined);
  if (agent === undefined && isMissing(raw, 'agent')) {
    source.report(node, { message: 'an agent step needs agent', expected: 'agent: the id of an agent' });
  }
  if (isMissing(raw, 'prompt'))
    source.report(node, { message: 'an agent step needs prompt', expected: 'prompt: text' });
  const [id = '', version, ...rest] = (agent ?? '').split('@');
  if (rest.length > 0 || version === '') {
    source.report(nodes.agent ?? node, { message: `"${agent}" is not an agent`, expected: 'ID, or ID@VERSION' });
  }
  const outputSchema = values.output_schema ?? defaults?.values.output_schema;
  return {
    kind: 'agent',
    agent: id,
    ...(version === undefined ? {} : { version }),
    prompt: values.prompt ?? '',
    ...(outputSchema === undefined ? {} : { outputSchema }),
    limits: { ...defaults?.values.limits, ...values.limits },
    memory: values.memory ?? defaults?.values.memory ?? { read: false, propose: false },
  };
};

/** A misspelt field was reported as such. */
const isMissing = (raw: RawStep, field: 'agent' | 'prompt'): boolean =>
  raw.nodes[field] === undefined && !raw.suspected.has(field);

const refuseFields = (
  raw: RawStep,
  fields: readonly (
    | 'agent'
    | 'no_progress_timeout_sec'
    | 'secrets'
    | (typeof agentFields | typeof callFields | typeof workFields)[number]
  )[],
  why: string,
  source: SourceText,
): void => {
  for (const field of fields) {
    if (raw.nodes[field] === undefined) continue;
    source.report(raw.keys[field] ?? raw.node, { message: `${field} is ${why}`, expected: choices });
  }
};
