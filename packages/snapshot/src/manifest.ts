import {
  canonicalJson,
  type Digest,
  type JsonObject,
  type JsonValue,
  type Manifest,
  type ManifestPart,
  maxAskers,
  type PartKind,
  type SnapshotLimits,
  utf8Bytes,
  utf8Length,
} from '@skein/domain';
import { partLimit } from './part-codec.ts';
import { partKinds, partLabel, toolsPartName } from './part-content.ts';
import { digestPattern } from './part-shape.ts';
import { readJson } from './read-json.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';

/** The bytes that a snapshot's digest covers. */
export const manifestBytes = (manifest: Manifest): Uint8Array =>
  utf8Bytes(canonicalJson(manifest as unknown as JsonValue));

/** A manifest of these parts: sorted by kind order, name and digest, each entry once, with the first askers of each. */
export const makeManifest = (parts: readonly ManifestPart[]): Manifest => {
  const entries: ManifestPart[] = [];
  for (const { kind, name, size, digest, askedBy } of [...parts].sort(compareParts)) {
    const part = { kind, name, size, digest, askedBy: askedBy.slice(0, maxAskers).map(clipAsker) };
    const last = entries.at(-1);
    if (last === undefined || compareParts(last, part) !== 0) entries.push(part);
    else {
      const askers = new Set([...last.askedBy, ...part.askedBy]);
      entries[entries.length - 1] = { ...last, askedBy: [...askers].slice(0, maxAskers) };
    }
  }
  return { formatVersion: manifestVersion, parts: entries };
};

/** The version of the manifest itself. An envelope may have another: it can change while what is sealed does not. */
const manifestVersion = 1;

/** Longest asker, in bytes; a longer one is cut. */
const maxAskerBytes = 512;

const clipAsker = (asker: string): string => {
  if (utf8Length(asker) <= maxAskerBytes) return asker;
  const ellipsis = '\u2026';
  let clipped = '';
  let room = maxAskerBytes - utf8Length(ellipsis);
  for (const char of asker) {
    room -= utf8Length(char);
    if (room < 0) break;
    clipped += char;
  }
  return clipped + ellipsis;
};

type PartKey = Pick<ManifestPart, 'kind' | 'name' | 'digest'>;

const compareParts = (a: PartKey, b: PartKey): number =>
  partKinds.indexOf(a.kind) - partKinds.indexOf(b.kind) ||
  compareText(a.name, b.name) ||
  compareText(a.digest, b.digest);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Digests of the parts that a receiver lacks, in manifest order, each once. */
export const missingParts = (manifest: Manifest, held: Iterable<Digest>): readonly Digest[] => {
  const known = new Set(held);
  const missing = new Set<Digest>();
  for (const { digest } of manifest.parts) if (!known.has(digest)) missing.add(digest);
  return [...missing];
};

/** The largest part that travels inside an envelope, in bytes; larger ones travel on their own, so that they delay no task. */
export const maxAttachedPartBytes = 64 * 1024;

/** The parts that a receiver lacks, in manifest order, each once: those for an envelope, and the larger ones that travel on their own. */
export const missingPartsBySize = (
  manifest: Manifest,
  held: Iterable<Digest>,
): { readonly small: readonly ManifestPart[]; readonly large: readonly ManifestPart[] } => {
  const missing = new Set(missingParts(manifest, held));
  const parts = manifest.parts.filter((part) => missing.delete(part.digest));
  return {
    small: parts.filter((part) => part.size <= maxAttachedPartBytes),
    large: parts.filter((part) => part.size > maxAttachedPartBytes),
  };
};

/** Longest name of a part, in bytes: an agent id, `@` and a digest fit several times. */
const maxNameBytes = 512;

/**
 * The manifest that these bytes are. Only the canonical form passes, so that one manifest has one digest.
 * It is JSON, and bounded like the other parts that are. Throws `snapshot_invalid` with the reasons `bad_json`, `unknown_version` and
 * `bad_manifest`, and `too_large`.
 */
export const parseManifest = (bytes: Uint8Array, limits: SnapshotLimits): Manifest => {
  if (bytes.length > limits.maxJsonPartBytes) throw tooLarge('manifest', limits.maxJsonPartBytes, bytes.length);
  const value = readJson(bytes, { maxDepth: limits.maxJsonDepth, nodes: limits.maxJsonNodes }, 'manifest');
  const version = isObject(value) ? value['formatVersion'] : undefined;
  if (!isObject(value) || version === undefined) throw badManifest('it has no formatVersion');
  if (version !== manifestVersion) throw unknownVersion(version, [manifestVersion]);
  const { parts } = value;
  if (Object.keys(value).length !== 2 || !Array.isArray(parts)) throw badManifest('it is not formatVersion and parts');
  if (parts.length === 0) throw badManifest('it lists no parts');
  let total = bytes.length;
  parts.forEach((part, index) => {
    checkPart(part, index, limits);
    const entry = part as unknown as ManifestPart;
    const before = parts[index - 1] as unknown as ManifestPart | undefined;
    if (before !== undefined && compareParts(before, entry) >= 0)
      throw badManifest(`part ${index} is out of order or repeated`);
    total += entry.size;
  });
  if (total > limits.maxBytes) throw tooLarge('the snapshot, uncompressed', limits.maxBytes, total);
  const manifest = value as unknown as Manifest;
  if (!equalBytes(bytes, manifestBytes(manifest))) throw badManifest('it is not in canonical form');
  for (const part of manifest.parts) {
    Object.freeze(part.askedBy);
    Object.freeze(part);
  }
  Object.freeze(manifest.parts);
  return Object.freeze(manifest);
};

/** The error for a format version that this build does not know; says what it got and what it knows, in `details` too. */
export const unknownVersion = (version: JsonValue, known: readonly number[]): Error => {
  const message = `format version ${JSON.stringify(version)}, but this build knows ${known.join(', ')}`;
  return snapshotInvalid('unknown_version', message, undefined, {
    got: typeof version === 'number' ? version : 'no number',
    known,
  });
};

const checkPart = (part: JsonValue, index: number, limits: SnapshotLimits): void => {
  if (!isObject(part) || Object.keys(part).length !== 5)
    throw badManifest(`part ${index} is not kind, name, size, digest and askedBy`);
  const { kind, name, size, digest, askedBy } = part;
  if (!partKinds.includes(kind as PartKind)) throw badManifest(`part ${index} has an unknown kind`);
  if (typeof name !== 'string' || name === '' || utf8Length(name) > maxNameBytes)
    throw badManifest(`part ${index} has a bad name`);
  if (typeof digest !== 'string' || !digestPattern.test(digest)) throw badManifest(`part ${index} has a bad digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw badManifest(`part ${index} has a bad size`);
  if (!isAskerList(askedBy)) throw badManifest(`part ${index} has a bad list of askers`);
  const limit = partLimit(kind as PartKind, limits);
  if ((size as number) > limit) throw tooLarge(partLabel({ kind: kind as PartKind, name }), limit, size as number);
  if (kind === 'agent' && !name.endsWith(`@${digest}`)) throw badManifest(`part ${index} is not named agent@version`);
  if (kind === 'tools' && name !== toolsPartName) throw badManifest(`part ${index} is not named ${toolsPartName}`);
};

const isAskerList = (value: JsonValue | undefined): boolean =>
  Array.isArray(value) &&
  value.length <= maxAskers &&
  value.every((asker) => typeof asker === 'string' && asker !== '' && utf8Length(asker) <= maxAskerBytes);

const badManifest = (message: string): Error => snapshotInvalid('bad_manifest', message, 'manifest');

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
