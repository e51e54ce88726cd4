import type { Digest, Manifest, SnapshotLimits } from '@skein/domain';
import { formatOne } from './format-one.ts';
import { decodeWith, type Envelope, type SnapshotFormat } from './snapshot-format.ts';

/** The formats that this build reads and writes; their versions are `snapshotFormatVersions`. */
export const snapshotFormats: readonly SnapshotFormat[] = [formatOne];

/** The wire and file form of a snapshot: the manifest and the parts in `include` (all when absent), in format 1. Throws what `SnapshotFormat.encode` throws. */
export const encodeEnvelope = (
  manifest: Manifest,
  parts: ReadonlyMap<Digest, Uint8Array>,
  limits: SnapshotLimits,
  include?: Iterable<Digest>,
): Uint8Array => formatOne.encode(manifest, parts, limits, include);

/** What an envelope of any known format holds; see `SnapshotFormat.decode`. Throws `unknown_version` as the reason too. */
export const decodeEnvelope = (
  envelope: Uint8Array,
  limits: SnapshotLimits,
  formats: readonly SnapshotFormat[] = snapshotFormats,
): Envelope => decodeWith(formats, envelope, limits);
