import type { ManifestPart } from '@skein/domain';
import { gunzip, gzip, gzipOverheadBytes, gzipSlices } from './gzip.ts';
import { partLabel } from './part-content.ts';
import { inSlices, type Pause } from './slices.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';
import { checkDigest, type VerifyDeps } from './verify-snapshot.ts';

/** One part on its own, as one gzip member. Equal content gives equal bytes everywhere, so that a broken transfer can go on at another place. */
export const encodePartMember = (bytes: Uint8Array): Uint8Array => gzip(bytes);

/** The same, with pauses after every few milliseconds of work. Nobody may change the bytes meanwhile. */
export const encodePartMemberSlowly = (bytes: Uint8Array, pause: Pause): Promise<Uint8Array> =>
  inSlices(gzipSlices(bytes), pause);

/**
 * The bytes of a part that travelled on its own: exactly as many as the manifest says, with the digest that it says. No more than that and
 * one slice is ever inflated (S2). Throws `too_large`, `digest_mismatch`, and `snapshot_invalid` with every reason of the gzip reader.
 */
export const decodePartMember = (
  member: Uint8Array,
  part: ManifestPart,
  deps: Pick<VerifyDeps, 'hasher' | 'limits'>,
): Uint8Array => {
  const label = partLabel(part);
  if (part.size > deps.limits.maxPartBytes) throw tooLarge(label, deps.limits.maxPartBytes, part.size);
  const limit = part.size + gzipOverheadBytes(part.size);
  if (member.length > limit) throw tooLarge(`${label}, compressed`, limit, member.length);
  const bytes = gunzip(member, part.size, label);
  if (bytes.length !== part.size) {
    throw snapshotInvalid('bad_length', `${bytes.length} bytes where the manifest says ${part.size}`, label);
  }
  checkDigest(deps.hasher, bytes, part.digest, label);
  return bytes;
};
