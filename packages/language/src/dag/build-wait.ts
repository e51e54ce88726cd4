import type { StepAction } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import type { RawStep } from './steps-shape.ts';
import { approvalRecord, waitRecord } from './wait-fields.ts';

/** Fields that a worker, an agent or a call would need, or that another attempt would. A waiting step runs nowhere, and once. */
const notForWaits = [
  'command',
  'exec',
  'script',
  'prompt',
  'agent',
  'limits',
  'memory',
  'output_schema',
  'shell',
  'working_dir',
  'env',
  'secrets',
  'output',
  'outputs',
  'worker_selector',
  'on_worker_loss',
  'repeat_safe',
  'retry_policy',
  'no_progress_timeout_sec',
  'call',
  'choices',
  'http',
] as const;

/** `wait` or `approval`, when the step is one of them. */
export const waitKindOf = ({ values, nodes }: RawStep): 'wait' | 'approval' | undefined => {
  if (values.type === 'wait' || values.type === 'approval') return values.type;
  if (nodes.wait !== undefined) return 'wait';
  return nodes.approval === undefined ? undefined : 'approval';
};

/** The action of a step that waits, and where it is written: under its own name, or under `with` beside `type`. */
export const buildWait = (
  raw: RawStep,
  kind: 'wait' | 'approval',
  source: SourceText,
): { readonly action: StepAction; readonly node?: YamlNode } => {
  const { values, nodes, keys, node } = raw;
  const other = kind === 'wait' ? 'approval' : 'wait';
  for (const field of [...notForWaits, other] as const) {
    if (nodes[field] === undefined) continue;
    const hint = field === 'prompt' && kind === 'approval' ? { expected: 'approval: { prompt }' } : {};
    source.report(keys[field] ?? node, { message: `${field} is not for a step of type ${kind}`, ...hint });
  }
  if (values.type !== undefined && values.type !== kind) {
    const message = `${kind} is not for a step of type ${values.type}`;
    source.report(nodes.type ?? node, { message, expected: `type: ${kind}` });
  }
  const own = nodes[kind];
  const shared = nodes.params;
  if (own !== undefined && shared !== undefined) {
    source.report(keys.params ?? node, { message: `with may not stand beside ${kind}`, expected: 'one of them' });
  }
  const given = own ?? shared;
  if (given === undefined) {
    if (!raw.suspected.has(kind) && !raw.suspected.has('params')) {
      const expected = kind === 'wait' ? 'with: { duration_sec, until or message }' : 'with: { prompt, input, rewind }';
      source.report(node, { message: `a step of type ${kind} needs with`, expected });
    }
    return { action: { kind: 'noop' } };
  }
  const action = kind === 'wait' ? readWait(raw, given, source) : readApproval(raw, given, source);
  return { action, node: given };
};

const readWait = (raw: RawStep, given: YamlNode, source: SourceText): StepAction => {
  // The short form was read with the step; `with` is read here, because it means something else for a call.
  const read = given === raw.nodes.wait ? raw.values.wait : waitRecord.read(given, source);
  const { duration_sec: durationMs, until, message } = read?.values ?? {};
  // What could not be read, or was misspelt, was reported as such.
  const meant = Object.keys(read?.nodes ?? {}).length + (read?.suspected.size ?? 0);
  if (read === undefined || (meant > 0 && Object.keys(read.values).length === 0)) return { kind: 'noop' };
  return {
    kind: 'wait',
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(until === undefined ? {} : { until }),
    ...(message === undefined ? {} : { message }),
  };
};

const readApproval = (raw: RawStep, given: YamlNode, source: SourceText): StepAction => {
  const read = given === raw.nodes.approval ? raw.values.approval : approvalRecord.read(given, source);
  const { prompt, input, rewind } = read?.values ?? {};
  if (prompt === undefined) return { kind: 'noop' };
  return { kind: 'approval', prompt, input: input ?? [], ...(rewind === undefined ? {} : { rewind }) };
};
