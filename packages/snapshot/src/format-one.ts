import type { Digest, Manifest, SnapshotLimits } from '@skein/domain';
import { gunzip, gzipSlices } from './gzip.ts';
import { manifestBytes, parseManifest } from './manifest.ts';
import { partLabel } from './part-content.ts';
import { atOnce, inSlices, type Slices } from './slices.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';
import {
  type ChosenPart,
  chooseParts,
  type Envelope,
  formatHead,
  formatHeadBytes,
  type SnapshotFormat,
} from './snapshot-format.ts';

const headBytes = 18;
const partHeadBytes = 8;

/**
 * Format 1: one gzip member around this, all integers big-endian.
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
 */
export const formatOne: SnapshotFormat = {
  version: 1,
  encode: (manifest, parts, limits, include) => atOnce(encodeFormatOne(manifest, parts, limits, include)),
  encodeSlowly: (manifest, parts, limits, include, pause) =>
    inSlices(encodeFormatOne(manifest, parts, limits, include), pause),
  decode: (envelope, limits) => {
    if (envelope.length > limits.maxCompressedBytes) {
      throw tooLarge('the snapshot, compressed', limits.maxCompressedBytes, envelope.length);
    }
    return readPayload(gunzip(envelope, limits.maxBytes), limits);
  },
};

/** What `formatOne.encode` does, in slices. */
export function* encodeFormatOne(
  manifest: Manifest,
  parts: ReadonlyMap<Digest, Uint8Array>,
  limits: SnapshotLimits,
  include: Iterable<Digest> | undefined,
): Slices<Uint8Array> {
  const compressed = yield* gzipSlices(payload(manifestBytes(manifest), chooseParts(manifest, parts, include)));
  if (compressed.length > limits.maxCompressedBytes) {
    throw tooLarge('the snapshot, compressed', limits.maxCompressedBytes, compressed.length);
  }
  return compressed;
}

const head = formatHead(formatOne.version);

/** Uncompressed size of an envelope with all parts, in bytes. */
export const fullPayloadBytes = (manifest: Manifest): number => {
  const sizes = new Map(manifest.parts.map((part) => [part.digest, part.size]));
  let total = headBytes + manifestBytes(manifest).length;
  for (const size of sizes.values()) total += partHeadBytes + size;
  return total;
};

const payload = (manifest: Uint8Array, parts: readonly ChosenPart[]): Uint8Array => {
  const total = parts.reduce((sum, part) => sum + partHeadBytes + part.bytes.length, headBytes + manifest.length);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes.set(head);
  view.setUint32(formatHeadBytes, manifest.length);
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

const readPayload = (bytes: Uint8Array, limits: SnapshotLimits): Envelope => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < headBytes || head.some((byte, at) => bytes[at] !== byte)) {
    throw snapshotInvalid('bad_manifest', 'the bytes inside are not a snapshot');
  }
  const manifestEnd = headBytes + view.getUint32(formatHeadBytes);
  if (manifestEnd > bytes.length) throw snapshotInvalid('bad_length', 'the manifest is longer than the snapshot');
  const ownManifest = bytes.subarray(headBytes, manifestEnd);
  const manifest = parseManifest(ownManifest, limits);
  return { manifest, manifestBytes: ownManifest, parts: readParts(bytes, view, manifestEnd, manifest) };
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
