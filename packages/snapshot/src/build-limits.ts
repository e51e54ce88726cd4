import { type Digest, DomainError, type Manifest, type SnapshotLimits } from '@skein/domain';
import { encodeEnvelope } from './envelope.ts';
import { fullPayloadBytes } from './format-one.ts';
import { gzipOverheadBytes } from './gzip.ts';
import { partLimit } from './part-codec.ts';
import { partLabel } from './part-content.ts';

/**
 * The limits that a reader will check, checked where something can still be done about it. Throws `too_large`, with the largest parts
 * in `details.largest`. Compressing is skipped where the bytes fit even uncompressed.
 */
export const checkSize = (manifest: Manifest, parts: ReadonlyMap<Digest, Uint8Array>, limits: SnapshotLimits): void => {
  for (const part of manifest.parts) {
    const limit = partLimit(part.kind, limits);
    if (part.size > limit) throw overLimit(partLabel(part), limit, part.size, manifest);
  }
  const total = fullPayloadBytes(manifest);
  if (total > limits.maxBytes) throw overLimit('the snapshot, uncompressed', limits.maxBytes, total, manifest);
  if (total + gzipOverheadBytes(total) <= limits.maxCompressedBytes) return;
  const compressed = encodeEnvelope(manifest, parts, { ...limits, maxCompressedBytes: Number.MAX_SAFE_INTEGER }).length;
  if (compressed > limits.maxCompressedBytes) {
    throw overLimit('the snapshot, compressed', limits.maxCompressedBytes, compressed, manifest);
  }
};

const listedParts = 5;

const overLimit = (what: string, limit: number, actual: number, manifest: Manifest): Error => {
  const largest = [...manifest.parts]
    .sort((a, b) => b.size - a.size)
    .slice(0, listedParts)
    .map((part) => ({ part: partLabel(part), bytes: part.size }));
  const list = largest.map(({ part, bytes }) => `${part} ${bytes}`).join(', ');
  const message = `${what}: ${actual} bytes where the limit is ${limit}; the largest parts: ${list}`;
  return new DomainError('too_large', message, { limit, actual, largest });
};
