import type { JsonValue } from '@skein/domain';
import { DomainError } from '@skein/domain';

/*
 * Values of use cases as JSON, and back: bytes as base64, `undefined` in a list as a mark of its own; absent fields stay absent.
 * An object that looks like a mark is wrapped.
 */

const marks: ReadonlySet<string> = new Set(['$undefined', '$bytes', '$object']);

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Map(alphabet.split('').map((letter, value) => [letter, value]));

const toBase64 = (bytes: Uint8Array): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at] ?? 0, bytes[at + 1], bytes[at + 2]];
    const group = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    text += b === undefined ? '' : alphabet.charAt((group >> 6) & 63);
    text += c === undefined ? '' : alphabet.charAt(group & 63);
  }
  return text;
};

const fromBase64 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let group = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const value = values.get(letter);
    if (value === undefined) throw new DomainError('invalid_argument', 'bytes that are not base64');
    group = ((group << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (group >> bits) & 0xff;
    at += 1;
  }
  return bytes;
};

/** The JSON of a value of arguments or answers. */
export const toPeerJson = (value: unknown): JsonValue => {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (Array.isArray(value)) return value.map(toPeerJson);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  const fields: { [key: string]: JsonValue } = {};
  let marked = false;
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    marked ||= marks.has(key);
    put(fields, key, toPeerJson(inner));
  }
  return marked ? { $object: fields } : fields;
};

/** The value of such a JSON. Throws `invalid_argument` for bytes that are none. */
export const fromPeerJson = (json: JsonValue): unknown => {
  if (Array.isArray(json)) return json.map(fromPeerJson);
  if (typeof json !== 'object' || json === null) return json;
  const given = json as { readonly [key: string]: JsonValue };
  if (Object.hasOwn(given, '$undefined')) return undefined;
  const bytes = given['$bytes'];
  if (Object.hasOwn(given, '$bytes')) return fromBase64(typeof bytes === 'string' ? bytes : ' ');
  const wrapped = Object.hasOwn(given, '$object') ? given['$object'] : given;
  const fields: { [key: string]: unknown } = {};
  for (const [key, inner] of Object.entries(wrapped ?? {})) put(fields, key, fromPeerJson(inner as JsonValue));
  return fields;
};

/** A field of any name, `__proto__` too. */
const put = <T>(fields: { [key: string]: T }, key: string, value: T): void => {
  Object.defineProperty(fields, key, { value, enumerable: true, writable: true, configurable: true });
};
