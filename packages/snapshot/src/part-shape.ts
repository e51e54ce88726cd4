import type { JsonValue, PartKind } from '@skein/domain';
import { DeferredText, peekProperty } from './deferred-text.ts';

/** A value as it was read, with text that may not have been decoded yet. */
type Read = JsonValue | DeferredText;

/** A rule for one value: what it must be, in words, or undefined when it is. */
type Rule = (value: Read | undefined) => string | undefined;

/** What is wrong with the shape of a part's value, or undefined. Unknown fields are refused: nothing travels that nobody reads (S3). */
export const partShapeDefect = (kind: PartKind, value: JsonValue): string | undefined => shapes[kind](value);

const oneOf =
  (expected: string, test: (value: Read) => boolean): Rule =>
  (value) =>
    value !== undefined && test(value) ? undefined : `must be ${expected}`;

const text = oneOf('text', (value) => typeof value === 'string' || value instanceof DeferredText);
const number = oneOf('a number', (value) => typeof value === 'number');
const count = oneOf('a whole number', (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const flagFree = oneOf('permission bits', (value) => Number.isInteger(value) && ((value as number) & ~0o777) === 0);
const anyObject = oneOf('an object', isObject);
const digest = oneOf('a digest', (value) => typeof value === 'string' && digestPattern.test(value));
const choice = (...words: readonly string[]): Rule =>
  oneOf(words.join(' or '), (value) => words.includes(value as string));

const optional =
  (rule: Rule): Rule =>
  (value) =>
    value === undefined ? undefined : rule(value);

const listOf =
  (rule: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return 'must be a list';
    for (const [index, item] of value.entries()) {
      const defect = rule(item);
      if (defect !== undefined) return `[${index}] ${defect}`;
    }
    return undefined;
  };

const mapOf =
  (rule: Rule): Rule =>
  (value) => {
    if (value === undefined || !isObject(value)) return 'must be an object';
    for (const key of Object.keys(value)) {
      const defect = rule(peekProperty(value, key) as Read);
      if (defect !== undefined) return `.${key} ${defect}`;
    }
    return undefined;
  };

const shape =
  (fields: { readonly [name: string]: Rule }): Rule =>
  (value) => {
    if (value === undefined || !isObject(value)) return 'must be an object';
    for (const [name, rule] of Object.entries(fields)) {
      const defect = rule(peekProperty(value, name) as Read | undefined);
      if (defect !== undefined) return `.${name} ${defect}`;
    }
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
    return unknown === undefined ? undefined : `.${unknown} is unknown`;
  };

function isObject(value: Read): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof DeferredText);
}

/** The text form of a digest. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;

const limits = shape({
  maxTurns: optional(number),
  maxTokens: optional(number),
  maxToolCalls: optional(number),
  maxOutputBytes: optional(number),
  timeoutMs: optional(number),
});

const file = shape({ path: text, mode: flagFree, encoding: choice('utf8', 'base64'), content: text });

const stdioTransport = shape({ kind: choice('stdio'), command: text, args: listOf(text), env: mapOf(text) });
const httpTransport = shape({ kind: choice('http'), url: text, headers: mapOf(text) });

/** By its `kind`. */
const transport: Rule = (value) => {
  if (value === undefined || !isObject(value)) return 'must be an object';
  const kind = peekProperty(value, 'kind');
  if (kind === 'stdio') return stdioTransport(value);
  return kind === 'http' ? httpTransport(value) : '.kind must be stdio or http';
};

const server = shape({
  transport,
  secrets: listOf(text),
  allow: optional(listOf(text)),
  pinned: optional(listOf(shape({ name: text, description: text, inputSchema: anyObject }))),
  startTimeoutMs: count,
  callTimeoutMs: count,
  maxResultBytes: count,
});

/** What an author declared of a tool's effects. */
const effects = shape({
  class: optional(choice('read_only', 'idempotent', 'effect')),
  unknown: optional(choice('fail', 'tell')),
  reconcile: optional((value) => {
    const byTool = shape({ tool: text })(value);
    return byTool === undefined || shape({ command: text })(value) === undefined ? undefined : byTool;
  }),
});

const shapes: { readonly [kind in PartKind]: Rule } = {
  agent: shape({
    agentId: text,
    description: text,
    instructions: text,
    model: digest,
    soul: optional(digest),
    skills: mapOf(digest),
    tools: digest,
    outputSchema: optional(anyObject),
    limits,
    subAgents: mapOf(digest),
  }),
  model: shape({
    id: text,
    provider: choice('offline', 'openai', 'anthropic', 'openai-compatible'),
    model: text,
    baseUrl: optional(text),
    secretName: optional(text),
    parameters: anyObject,
    contextWindow: optional(count),
    maxOutputTokens: optional(count),
    prices: optional(shape({ inputPerMillion: number, outputPerMillion: number })),
  }),
  soul: shape({ id: text, name: text, description: text, content: text }),
  skill: shape({ name: text, description: text, body: text, metadata: mapOf(text), files: listOf(file) }),
  tools: shape({
    allow: listOf(text),
    bash: shape({ allow: listOf(text), deny: listOf(text) }),
    servers: mapOf(server),
    effects: optional(mapOf(effects)),
  }),
  memory: shape({ scope: text, revision: count, text }),
};
