import type { JsonValue } from '@skein/domain';
import { list, mapOf, oneOrMore } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { integer, json, quoted, seconds, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';

const headerPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** Set by what sends the request. */
const ownHeaders = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'accept-encoding',
  'upgrade',
  'te',
  'trailer',
  'expect',
]);

const headersShape: Shape<{ readonly [name: string]: string }> = mapped(
  mapOf(text('the value of a header'), 'a map of headers'),
  (pairs, node, source) => {
    const headers = new Map<string, string>();
    for (const [name, value] of pairs) {
      const key = name.toLowerCase();
      if (!headerPattern.test(name) || key === '__proto__' || ownHeaders.has(key) || headers.has(key)) {
        const message = headers.has(key)
          ? `${quoted(name)} is given twice`
          : `${quoted(name)} is no header that can be set`;
        source.report(node, { message, expected: 'names of headers, each once' });
      } else headers.set(key, value);
    }
    return Object.fromEntries(headers);
  },
);

const bodyShape: Shape<JsonValue> = byKind<JsonValue>('a text, or a map or a list that is sent as JSON', {
  scalar: text('the body'),
  map: json,
  list: mapped(list(json), (items): JsonValue => [...items]),
});

const methodShape = word(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** What `http` says. */
export const httpRecord = record({
  noun: 'a request',
  fields: {
    url: { shape: text('a URL'), about: 'http or https URL; may hold references.', required: true },
    method: {
      shape: methodShape,
      about: 'GET when absent, POST with a body.',
    },
    headers: { shape: headersShape, about: 'Headers; may hold references, and $NAME for secrets of the step.' },
    body: { shape: bodyShape, about: 'A text, or a map or a list that is sent as JSON; may hold references.' },
    expect: {
      shape: oneOrMore(integer({ min: 100, max: 599 }), 'a status, or a list of them'),
      about: 'Statuses with which the step succeeds; 200 to 299 when absent.',
    },
    timeout_sec: { shape: seconds(), about: 'Seconds for the whole request; 30 when absent.' },
  },
});
