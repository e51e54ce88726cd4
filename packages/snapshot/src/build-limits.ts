import { type Digest, DomainError, type Manifest, type SnapshotLimits } from '@skein/domain';
import { encodeFormatOne, fullPayloadBytes } from './format-one.ts';
import { gzipOverheadBytes } from './gzip.ts';
import { partLimit } from './part-codec.ts';
import { partLabel } from './part-content.ts';
import { inSlices, type Pause } from './slices.ts';

/**
 * The limits that a reader will check, checked where something can still be done about it. Throws `too_large`, with the largest parts
 * in `details.largest`. Compressing, with pauses, is skipped where the bytes fit even uncompressed.
 */
export const checkSize = async (
  manifest: Manifest,
  parts: ReadonlyMap<Digest, Uint8Array>,
  limits: SnapshotLimits,
  pause: Pause | undefined,
): Promise<void> => {
  for (const part of manifest.parts) {
    const limit = partLimit(part.kind, limits);
    if (part.size > limit) throw overLimit(partLabel(part), limit, part.size, manifest);
  }
  const total = fullPayloadBytes(manifest);
  if (total > limits.maxBytes) throw overLimit('the snapshot, uncompressed', limits.maxBytes, total, manifest);
  if (total + gzipOverheadBytes(total) <= limits.maxCompressedBytes) return;
  const unlimited = { ...limits, maxCompressedBytes: Number.MAX_SAFE_INTEGER };
  const { length: compressed } = await inSlices(encodeFormatOne(manifest, parts, unlimited, undefined), pause);
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
