import type { Digest, Manifest, SnapshotLimits } from '@skein/domain';
import { gunzip, gzip } from './gzip.ts';
import { manifestBytes, parseManifest, unknownVersion } from './manifest.ts';
import { partLabel } from './part-content.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';

/**
 * The wire and file form of a snapshot: one gzip member around this, all integers big-endian.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 8 | magic `SKEINSNP` |
 * | 8 | 2 | format version (1) |
 * | 10 | 4 | length M of the manifest |
 * | 14 | 4 | number N of parts that follow |
 * | 18 | M | manifest, canonical JSON in UTF-8 |
 * | 18 + M | | N times: 4 bytes position in `manifest.parts` (rising), 4 bytes length, then the part's raw bytes |
 *
 * The payload ends with the last part. A part whose digest the manifest lists more than once travels once, at its first position.
 * The manifest lists all parts of the snapshot; the envelope carries those that the receiver lacks, a file has all.
 */
const magic = Uint8Array.from('SKEINSNP', (char) => char.charCodeAt(0));
const formatVersion = 1;
const headBytes = 18;
const partHeadBytes = 8;

/** What an envelope carries. */
export interface Envelope {
  readonly manifest: Manifest;
  /** Exactly the bytes that were covered by the snapshot's digest. */
  readonly manifestBytes: Uint8Array;
  /** Raw bytes of the parts that travelled, by the digest that the manifest claims for them; not hashed yet. All are views of one buffer. */
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/** Uncompressed size of an envelope with all parts, in bytes. */
export const fullPayloadBytes = (manifest: Manifest): number => {
  const sizes = new Map(manifest.parts.map((part) => [part.digest, part.size]));
  let total = headBytes + manifestBytes(manifest).length;
  for (const size of sizes.values()) total += partHeadBytes + size;
  return total;
};

/**
 * One envelope with the manifest and the parts in `include` (all when absent). Equal content gives equal bytes everywhere.
 * Throws `snapshot_invalid` with the reason `missing_part` when `parts` lacks one, and `too_large` over the compressed limit.
 */
export const encodeEnvelope = (
  manifest: Manifest,
  parts: ReadonlyMap<Digest, Uint8Array>,
  limits: SnapshotLimits,
  include?: Iterable<Digest>,
): Uint8Array => {
  const wanted = include === undefined ? undefined : new Set(include);
  const chosen = new Map<Digest, { readonly position: number; readonly bytes: Uint8Array }>();
  manifest.parts.forEach((part, position) => {
    if (wanted?.has(part.digest) === false || chosen.has(part.digest)) return;
    const bytes = parts.get(part.digest);
    if (bytes === undefined) throw snapshotInvalid('missing_part', 'its bytes are not there', partLabel(part));
    chosen.set(part.digest, { position, bytes });
  });
  const compressed = gzip(payload(manifestBytes(manifest), [...chosen.values()]));
  if (compressed.length > limits.maxCompressedBytes) {
    throw tooLarge('the snapshot, compressed', limits.maxCompressedBytes, compressed.length);
  }
  return compressed;
};

const payload = (
  manifest: Uint8Array,
  parts: readonly { readonly position: number; readonly bytes: Uint8Array }[],
): Uint8Array => {
  const total = parts.reduce((sum, part) => sum + partHeadBytes + part.bytes.length, headBytes + manifest.length);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint16(8, formatVersion);
  view.setUint32(10, manifest.length);
  view.setUint32(14, parts.length);
  bytes.set(manifest, headBytes);
  let at = headBytes + manifest.length;
  for (const part of parts) {
    view.setUint32(at, part.position);
    view.setUint32(at + 4, part.bytes.length);
    bytes.set(part.bytes, at + partHeadBytes);
    at += partHeadBytes + part.bytes.length;
  }
  return bytes;
};

/**
 * What an envelope holds, bounded by the limits whatever the bytes say (S2), in bytes of its own. Digests are not checked here; `verifySnapshot` does.
 * Throws `too_large`, and `snapshot_invalid` with every reason of the gzip and manifest readers, `bad_length` and `unexpected_part`.
 */
export const decodeEnvelope = (envelope: Uint8Array, limits: SnapshotLimits): Envelope => {
  if (envelope.length > limits.maxCompressedBytes) {
    throw tooLarge('the snapshot, compressed', limits.maxCompressedBytes, envelope.length);
  }
  const bytes = gunzip(envelope, limits.maxBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < headBytes || magic.some((byte, at) => bytes[at] !== byte)) {
    throw snapshotInvalid('bad_manifest', 'the bytes inside are not a snapshot');
  }
  if (view.getUint16(8) !== formatVersion) throw unknownVersion(view.getUint16(8));
  const manifestEnd = headBytes + view.getUint32(10);
  if (manifestEnd > bytes.length) throw snapshotInvalid('bad_length', 'the manifest is longer than the snapshot');
  const ownManifest = bytes.subarray(headBytes, manifestEnd);
  const manifest = parseManifest(ownManifest, limits);
  const parts = readParts(bytes, view, manifestEnd, manifest);
  return { manifest, manifestBytes: ownManifest, parts };
};

const readParts = (bytes: Uint8Array, view: DataView, from: number, manifest: Manifest): Map<Digest, Uint8Array> => {
  const parts = new Map<Digest, Uint8Array>();
  const count = view.getUint32(14);
  let at = from;
  let last = -1;
  for (let index = 0; index < count; index++) {
    if (at + partHeadBytes > bytes.length)
      throw snapshotInvalid('bad_length', `part ${index} of ${count} is not there`);
    const position = view.getUint32(at);
    const length = view.getUint32(at + 4);
    const part = manifest.parts[position];
    if (part === undefined || position <= last || parts.has(part.digest)) {
      throw snapshotInvalid(
        'unexpected_part',
        `part ${index} has the position ${position}, where the manifest lists none or it came already`,
      );
    }
    const start = at + partHeadBytes;
    if (length !== part.size || start + length > bytes.length) {
      throw snapshotInvalid('bad_length', `${length} bytes where the manifest says ${part.size}`, partLabel(part));
    }
    parts.set(part.digest, bytes.subarray(start, start + length));
    at = start + length;
    last = position;
  }
  if (at !== bytes.length) throw snapshotInvalid('trailing_bytes', 'bytes follow the last part');
  return parts;
};
