import type { JsonValue } from '@skein/domain';
import type { Random } from '@skein/ports';

/** Texts that readers of JSON, paths and digests stumble over. */
const words = [
  '__proto__',
  'constructor',
  'prototype',
  '\\u005f_proto__',
  '\\ud800',
  '\\udc00\\ud800',
  '\u{1f600}',
  '\ufeff',
  '\u0000',
  '..',
  '../x',
  '/etc/passwd',
  'a\\\\b',
  'C:',
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  '1e999',
  '-0',
  '9007199254740993',
  '[',
  ']',
  '{',
  '}',
  '"',
  '\\',
  ',',
  ':',
  'null',
  'true',
  '{}',
  '[]',
  '[[[[[[[[',
  '{"a":',
  'formatVersion',
  'askedBy',
  'base64',
];

const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)] as T;

/** Bytes with one to four changes: flips, sets, cuts, repeats, words. */
export const mutateBytes = (random: Random, bytes: Uint8Array): Uint8Array => {
  let result: Uint8Array = bytes.slice();
  for (let left = 1 + random.integer(4); left > 0; left--) result = changeOnce(random, result);
  return result;
};

const changeOnce = (random: Random, bytes: Uint8Array): Uint8Array => {
  const at = random.integer(bytes.length + 1);
  const length = random.integer(2) === 0 ? random.integer(8) : random.integer(bytes.length - at + 1);
  const join = (...pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.integer(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.integer(256);
      return bytes;
    case 2:
      return join(before, after.subarray(length));
    case 3:
      return before.slice();
    case 4:
      return join(before, after.subarray(0, length), after);
    case 5:
      return join(before, new TextEncoder().encode(pick(random, words)), after);
    default: {
      const numbers = [0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, bytes.length, bytes.length + 1];
      if (at + 4 <= bytes.length) new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, pick(random, numbers));
      return bytes;
    }
  }
};

const values: readonly JsonValue[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e300,
  '',
  'x',
  '..',
  '../x',
  'a/../../x',
  '/x',
  'A',
  'a',
  'a/b',
  'straße',
  'STRASSE',
  'con',
  '\u2025/x',
  'x'.repeat(600),
  'y'.repeat(9_000),
  'AAEC',
  'base64',
  0o120777,
  0o755,
  `sha256:${'0'.repeat(64)}`,
  [],
  {},
  [[]],
];

/** The value with something inside replaced, removed, added or moved. */
export const mutateJson = (random: Random, value: JsonValue, depth = 0): JsonValue => {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (inner.length === 0 || random.integer(6) === 0) return depth === 0 ? value : pick(random, values);
  const [key, item] = pick(random, inner);
  const kind = random.integer(8);
  if (Array.isArray(value)) {
    const items = value.slice();
    const at = Number(key);
    if (kind === 0) items.splice(at, 1);
    else if (kind === 1) items.push(item);
    else if (kind === 2) items.splice(0, 0, ...items.splice(at));
    else items[at] = mutateJson(random, item, depth + 1);
    return items;
  }
  const fields = { ...(value as { [key: string]: JsonValue }) };
  if (kind === 0) delete fields[key];
  else if (kind === 1) fields[pick(random, words)] = item;
  else fields[key] = mutateJson(random, item, depth + 1);
  return fields;
};
