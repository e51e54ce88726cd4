import type { StepAction } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { httpRecord } from './http-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** Fields of programs and agents; a request has none of them. */
const notForRequests = [
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
  'outputs',
  'call',
  'choices',
] as const;

/** Whether the step is a request. */
export const isRequest = ({ values, nodes }: RawStep): boolean => values.type === 'http' || nodes.http !== undefined;

/** The action of a step that is a request, and where it is written: under `http`, or under `with` beside `type`. */
export const buildHttp = (
  raw: RawStep,
  source: SourceText,
): { readonly action: StepAction; readonly node?: YamlNode } => {
  const { values, nodes, keys, node } = raw;
  for (const field of notForRequests) {
    if (nodes[field] === undefined) continue;
    const hint = field === 'outputs' ? { expected: 'its outputs status, headers and body, which it always has' } : {};
    source.report(keys[field] ?? node, { message: `${field} is not for a step of type http`, ...hint });
  }
  if (values.type !== undefined && values.type !== 'http')
    source.report(nodes.type ?? node, {
      message: `http is not for a step of type ${values.type}`,
      expected: 'type: http',
    });
  if (nodes.http !== undefined && nodes.params !== undefined)
    source.report(keys.params ?? node, { message: 'with may not stand beside http', expected: 'one of them' });
  const given = nodes.http ?? nodes.params;
  if (given === undefined) {
    if (!raw.suspected.has('http') && !raw.suspected.has('params'))
      source.report(node, {
        message: 'a step of type http needs http',
        expected: 'http: { url, method, headers, body }',
      });
    return { action: { kind: 'noop' } };
  }
  const read = given === nodes.http ? values.http : httpRecord.read(given, source);
  const { url, method, headers, body, expect, timeout_sec: timeoutMs } = read?.values ?? {};
  if (url === undefined) return { action: { kind: 'noop' }, node: given };
  if (!/^https?:\/\//i.test(url) && !url.startsWith('${'))
    source.report(read?.nodes.url ?? given, { message: 'this is not an http or https URL', expected: 'https://…' });
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    source.report(read?.keys.body ?? given, {
      message: `a request with ${method} has no body`,
      expected: 'another method',
    });
  return {
    action: {
      kind: 'http',
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      url,
      headers: headers ?? {},
      ...(body === undefined ? {} : { body }),
      ...(expect === undefined ? {} : { expect }),
      ...(timeoutMs === undefined || timeoutMs === 0 ? {} : { timeoutMs }),
    },
    node: given,
  };
};
