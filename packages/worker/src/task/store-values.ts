import {
  canonicalJson,
  cleanText,
  DomainError,
  type JsonValue,
  maxInlineValueBytes,
  maxOutputsBytes,
  utf8Bytes,
  utf8Length,
  type ValueRef,
} from '@skein/domain';
import type { TaskTransfers } from '@skein/ports';

/** The values of a finished attempt in the form in which they travel. */
export interface StoredValues {
  readonly stdout?: ValueRef;
  readonly outputs: { readonly [name: string]: ValueRef };
}

interface Encoded {
  readonly name: string | undefined;
  readonly value: JsonValue;
  readonly json: string;
  readonly bytes: number;
}

/** Length of a value's reference, about: the digest, its length and the keys. */
const referenceBytes = 112;
/** Names and values or references of one result together; what records them is a fact of at most 64 KiB. */
const maxFormBytes = 40 * 1024;

/**
 * Moves large values to blobs, the largest first, until the rest fits 32 KiB together, so that the message and the fact that carry
 * the result stay small. Text is cleaned first. Throws `too_large` over 4 MiB of outputs and for more outputs than one fact can
 * name, before anything is stored; and what the transfers throw.
 */
export const storeValues = async (
  transfers: TaskTransfers,
  stdout: string | undefined,
  outputs: { readonly [name: string]: JsonValue },
): Promise<StoredValues> => {
  const values = Object.entries(outputs).map(([name, value]) => encode(name, value));
  const outputsBytes = sum(values);
  if (outputsBytes > maxOutputsBytes) {
    throw new DomainError('too_large', 'the outputs of the step are too large', {
      limit: maxOutputsBytes,
      actual: outputsBytes,
    });
  }
  if (stdout !== undefined) values.push(encode(undefined, fitText(cleanText(stdout), maxOutputsBytes)));
  const toBlobs = largeOnes(values);
  const actual = sum(values.map((entry) => ({ bytes: formBytes(entry, toBlobs.has(entry)) })));
  if (actual > maxFormBytes) {
    throw new DomainError('too_large', 'the step has too many outputs', { limit: maxFormBytes, actual });
  }
  const stored = await Promise.all(
    values.map(async (entry): Promise<readonly [string | undefined, ValueRef]> => {
      if (!toBlobs.has(entry)) return [entry.name, { inline: entry.value }];
      return [entry.name, { digest: await transfers.storeBlob(utf8Bytes(entry.json)), bytes: entry.bytes }];
    }),
  );
  const named = stored.filter((entry): entry is readonly [string, ValueRef] => entry[0] !== undefined);
  const captured = stored.find(([name]) => name === undefined)?.[1];
  return { outputs: Object.fromEntries(named), ...(captured === undefined ? {} : { stdout: captured }) };
};

const encode = (name: string | undefined, value: JsonValue): Encoded => {
  const clean = cleanValue(value);
  const json = canonicalJson(clean);
  return { name, value: clean, json, bytes: utf8Length(json) };
};

const largeOnes = (values: readonly Encoded[]): ReadonlySet<Encoded> => {
  const large = new Set<Encoded>();
  let inlineBytes = sum(values);
  for (const entry of [...values].sort((left, right) => right.bytes - left.bytes)) {
    if (inlineBytes <= maxInlineValueBytes || entry.bytes <= referenceBytes) break; // a reference would be no smaller
    large.add(entry);
    inlineBytes -= entry.bytes;
  }
  return large;
};

const formBytes = ({ name = 'stdout', bytes }: Encoded, isBlob: boolean): number =>
  utf8Length(name) + (isBlob ? referenceBytes : bytes) + '"":{"inline":},'.length;

const sum = (values: readonly { readonly bytes: number }[]): number =>
  values.reduce((total, { bytes }) => total + bytes, 0);

const cleanValue = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner)]));
};

/** The longest beginning whose JSON form has at most `maxBytes`; binary output grows when it is escaped. */
const fitText = (text: string, maxBytes: number): string => {
  let kept = text;
  for (let bytes = jsonBytes(kept); bytes > maxBytes; bytes = jsonBytes(kept)) {
    kept = cleanText(kept.slice(0, Math.floor((kept.length * maxBytes) / bytes)));
  }
  return kept;
};

const jsonBytes = (text: string): number => utf8Length(canonicalJson(text));
