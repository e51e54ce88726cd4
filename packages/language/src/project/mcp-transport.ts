import type { McpServer } from '@skein/domain';
import { isEnvName } from '../dag/env-fields.ts';
import type { SourceText, Spot } from '../problem/source-text.ts';
import { quoted } from '../shape/scalars.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { findSecretReferences, looksLikeCredential } from './secret-references.ts';

type Texts = readonly (readonly [string, string])[];

/** What a file says about how to reach a server. */
export interface TransportValues {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Texts;
  readonly url?: string;
  readonly headers?: Texts;
}

/** Where the file says it. */
export type TransportNodes = { readonly [K in keyof TransportValues]?: YamlNode };

/** Where a key of a map stands; the map itself when it is not there. */
export const keySpot = (node: YamlNode | undefined, key: string): Spot => {
  const entry = node?.kind === 'map' ? node.entries.find((each) => each.key === key) : undefined;
  return entry?.keySpot ?? node ?? { start: 0, end: 0, path: '' };
};
const valueSpot = (node: YamlNode | undefined, key: string): Spot => {
  const entry = node?.kind === 'map' ? node.entries.find((each) => each.key === key) : undefined;
  return entry?.value ?? keySpot(node, key);
};

/** Names of the secrets in values that may hold some. Every other `${…}` is refused, and so is a credential that is written down; neither is repeated (S3). */
export const checkValues = (texts: Texts, node: YamlNode | undefined, source: SourceText): readonly string[] =>
  texts.flatMap(([name, value]) => {
    const { names, isStray } = findSecretReferences(value);
    if (isStray) {
      const message = `the value of ${name} holds a reference that is not one to a secret`;
      source.report(valueSpot(node, name), { message, expected: '${secrets.NAME}' });
    }
    if (looksLikeCredential(name, value)) {
      const message = `the value of ${name} looks like a credential, which is never written into a file`;
      source.report(valueSpot(node, name), { message, expected: '${secrets.NAME}' });
    }
    return names;
  });

const refuseSecrets = (value: string, what: string, node: Spot, source: SourceText): void => {
  if (!value.includes('${secrets.')) return;
  source.report(node, { message: `a secret may not stand in ${what}`, expected: '${secrets.NAME} in env or headers' });
};

/** A server that is started as a process. */
export const stdioOf = (
  values: TransportValues,
  nodes: TransportNodes,
  node: Spot,
  source: SourceText,
): McpServer['transport'] => {
  const { command = '', args = [], env = [] } = values;
  const at = nodes.command ?? node;
  if (values.command?.trim() === '') source.report(at, { message: 'the command is empty', expected: 'a program' });
  refuseSecrets(command, 'command', at, source);
  args.forEach((arg, index) => {
    const spot = nodes.args?.kind === 'list' ? (nodes.args.items[index] ?? nodes.args) : node;
    refuseSecrets(arg, 'args', spot, source);
    const [flag = '', value] = arg.startsWith('-') ? splitAt(arg, '=') : [];
    if (value !== undefined && looksLikeCredential(flag, value)) {
      source.warn(spot, {
        message: `the value of ${flag} looks like a credential`,
        expected: '${secrets.NAME} in env',
      });
    }
  });
  for (const [name] of env) {
    if (isEnvName(name)) continue;
    const expected = 'a letter or _, then letters, digits or _';
    source.report(keySpot(nodes.env, name), {
      message: `${quoted(name)} is not an environment variable name`,
      expected,
    });
  }
  return { kind: 'stdio', command, args, env: Object.fromEntries(env) };
};

const splitAt = (word: string, mark: string): readonly [string, string?] => {
  const at = word.indexOf(mark);
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
};

/** A server that is spoken to over HTTP. */
export const httpOf = (
  values: TransportValues,
  nodes: TransportNodes,
  node: Spot,
  source: SourceText,
): McpServer['transport'] => {
  const { url = '', headers = [] } = values;
  const at = nodes.url ?? node;
  if (values.url !== undefined) checkUrl(url, at, source);
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    const spot = keySpot(nodes.headers, name);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)) {
      source.report(spot, {
        message: `${quoted(name)} is not the name of a header`,
        expected: 'letters, digits and -',
      });
    }
    if (seen.has(name.toLowerCase())) {
      source.report(spot, { message: `there are two headers ${name}`, expected: 'each name once' });
    }
    seen.add(name.toLowerCase());
    if (/[^\t\x20-\x7e]/.test(value)) {
      const expected = 'one line of plain characters';
      source.report(valueSpot(nodes.headers, name), {
        message: `the value of ${name} cannot be sent in a header`,
        expected,
      });
    }
  }
  return { kind: 'http', url, headers: Object.fromEntries(headers) };
};

const checkUrl = (url: string, at: Spot, source: SourceText): void => {
  refuseSecrets(url, 'url', at, source);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (parsed === undefined || !isHttp || parsed.username !== '' || parsed.password !== '') {
    source.report(at, { message: 'url is no URL', expected: 'http:// or https://, without user and password' });
    return;
  }
  if ([...parsed.searchParams].some(([name, value]) => looksLikeCredential(name, value))) {
    source.report(at, { message: 'url holds what looks like a credential', expected: '${secrets.NAME} in headers' });
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    source.warn(at, { message: 'url is plain http: everybody on the way can read it', expected: 'https://' });
  }
};

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
