import { type Digest, DomainError, type Manifest, type SnapshotLimits } from '@skein/domain';
import type { Hasher } from '@skein/ports';
import { decodeEnvelope } from './envelope.ts';
import { parseManifest } from './manifest.ts';
import { partLabel } from './part-content.ts';
import { snapshotInvalid } from './snapshot-error.ts';
import type { SnapshotFormat } from './snapshot-format.ts';

/** Where bytes are that came earlier: manifests and parts by digest. `PartCache` is one. */
export interface HeldBytes {
  read(digest: Digest): Uint8Array | undefined;
}

/** What checking needs. */
export interface VerifyDeps {
  readonly hasher: Hasher;
  readonly limits: SnapshotLimits;
  /** Formats of envelopes that are read; those of this build when absent. */
  readonly formats?: readonly SnapshotFormat[];
}

/** A snapshot whose every byte was checked against its digest (S1). The bytes belong to whoever asked. */
export interface VerifiedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** All parts of the manifest. */
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/**
 * Puts a snapshot together from an envelope and from what is held already, and checks the manifest and each part against its digest.
 * Throws what `decodeEnvelope` throws; `digest_mismatch` naming what does not match; `snapshot_invalid` with the reason
 * `missing_snapshot` without a manifest and `missing_part` when a part is in neither.
 */
export const verifySnapshot = (
  deps: VerifyDeps,
  digest: Digest,
  source: { readonly envelope?: Uint8Array; readonly held?: HeldBytes },
): VerifiedSnapshot => {
  const { held } = source;
  const arrived =
    source.envelope === undefined ? undefined : decodeEnvelope(source.envelope, deps.limits, deps.formats);
  const manifestBytes = arrived?.manifestBytes ?? held?.read(digest);
  if (manifestBytes === undefined) throw snapshotInvalid('missing_snapshot', `no bytes came for ${digest}`);
  checkDigest(deps.hasher, manifestBytes, digest, 'the snapshot');
  const manifest = arrived?.manifest ?? parseManifest(manifestBytes, deps.limits);
  const parts = new Map<Digest, Uint8Array>();
  for (const part of manifest.parts) {
    if (parts.has(part.digest)) continue;
    const label = partLabel(part);
    const bytes = arrived?.parts.get(part.digest) ?? held?.read(part.digest);
    if (bytes === undefined) throw snapshotInvalid('missing_part', `${part.digest} is neither sent nor held`, label);
    if (bytes.length !== part.size)
      throw snapshotInvalid('bad_length', `${bytes.length} bytes, not ${part.size}`, label);
    checkDigest(deps.hasher, bytes, part.digest, label);
    parts.set(part.digest, bytes);
  }
  return { digest, manifest, manifestBytes, parts };
};

/** Throws `digest_mismatch` naming `what` unless the bytes have this digest (S1). */
export const checkDigest = (hasher: Hasher, bytes: Uint8Array, expected: Digest, what: string): void => {
  const actual = hasher.digest(bytes);
  if (actual === expected) return;
  throw new DomainError('digest_mismatch', `${what} is ${actual}, not ${expected}`, { what, expected, actual });
};
