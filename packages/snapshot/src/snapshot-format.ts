import { type Digest, isDomainError, type Manifest, type SnapshotLimits, utf8Bytes } from '@skein/domain';
import { inflateStart } from './gzip.ts';
import { unknownVersion } from './manifest.ts';
import { partLabel } from './part-content.ts';
import type { Pause } from './slices.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/** What an envelope carries. */
export interface Envelope {
  readonly manifest: Manifest;
  /** Exactly the bytes that were covered by the snapshot's digest. */
  readonly manifestBytes: Uint8Array;
  /** Raw bytes of the parts that travelled, by the digest that the manifest claims for them; not hashed yet. All may be views of one buffer. */
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/**
 * One way to pack a manifest and parts. What is sealed, and so a snapshot's digest, is the same in every format: only the bytes between two
 * processes differ. Every format is one gzip member whose content begins with `formatHead(version)`, so that a reader can name a version that it does not know.
 */
export interface SnapshotFormat {
  readonly version: number;
  /**
   * One envelope with the manifest and the parts in `include` (all when absent). Equal content gives equal bytes everywhere.
   * Throws `snapshot_invalid` with the reason `missing_part` when `parts` lacks one, and `too_large` over the compressed limit.
   */
  encode(
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
    limits: SnapshotLimits,
    include?: Iterable<Digest>,
  ): Uint8Array;
  /**
   * The same bytes as `encode` makes, with pauses after every few milliseconds of work; a format that has none is encoded at once.
   * Nobody may change the parts meanwhile.
   */
  encodeSlowly?(
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
    limits: SnapshotLimits,
    include: Iterable<Digest> | undefined,
    pause: Pause | undefined,
  ): Promise<Uint8Array>;
  /**
   * What an envelope of this format holds, bounded by the limits whatever the bytes say (S2), in bytes of its own. Digests are not checked
   * here. Throws `too_large`, and `snapshot_invalid` with every reason of the gzip and manifest readers, `bad_length` and `unexpected_part`.
   */
  decode(envelope: Uint8Array, limits: SnapshotLimits): Envelope;
}

const magic = utf8Bytes('SKEINSNP');

/** Bytes of `formatHead`. */
export const formatHeadBytes = magic.length + 2;

/** The first bytes inside every envelope: `SKEINSNP`, and the version as two bytes, big-endian. */
export const formatHead = (version: number): Uint8Array => Uint8Array.of(...magic, version >> 8, version & 0xff);

/** The version that the content of an envelope begins with; undefined when it does not begin like one. */
const versionOf = (content: Uint8Array): number | undefined => {
  if (content.length < formatHeadBytes || magic.some((byte, at) => content[at] !== byte)) return undefined;
  return ((content[magic.length] as number) << 8) | (content[magic.length + 1] as number);
};

/** The format of this version. Throws `snapshot_invalid` with the reason `unknown_version`, what it got and what it knows. */
export const formatOf = (version: number, formats: readonly SnapshotFormat[]): SnapshotFormat => {
  const format = formats.find((known) => known.version === version);
  if (format !== undefined) return format;
  throw unknownVersion(
    version,
    formats.map((known) => known.version),
  );
};

/**
 * Reads an envelope in whichever of the formats it says that it has; no more than its beginning is inflated to find out.
 * Throws what `SnapshotFormat.decode` throws, and `snapshot_invalid` with the reason `unknown_version`.
 */
export const decodeWith = (
  formats: readonly SnapshotFormat[],
  envelope: Uint8Array,
  limits: SnapshotLimits,
): Envelope => {
  const version = versionOf(startOf(envelope));
  if (version !== undefined) return formatOf(version, formats).decode(envelope, limits);
  // Damaged, or no snapshot: any reader says what is wrong with it.
  (formats[0] as SnapshotFormat).decode(envelope, limits);
  throw snapshotInvalid('bad_manifest', 'the bytes inside are not a snapshot');
};

const startOf = (envelope: Uint8Array): Uint8Array => {
  try {
    return inflateStart(envelope, formatHeadBytes);
  } catch (thrown) {
    if (isDomainError(thrown)) return new Uint8Array(0);
    throw thrown;
  }
};

/** A part to be packed, and where the manifest lists it first. */
export interface ChosenPart {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** The parts in `include` (all when absent), each digest once, in manifest order. Throws `snapshot_invalid` with the reason `missing_part`. */
export const chooseParts = (
  manifest: Manifest,
  parts: ReadonlyMap<Digest, Uint8Array>,
  include?: Iterable<Digest>,
): readonly ChosenPart[] => {
  const wanted = include === undefined ? undefined : new Set(include);
  const chosen = new Map<Digest, ChosenPart>();
  manifest.parts.forEach((part, position) => {
    if (wanted?.has(part.digest) === false || chosen.has(part.digest)) return;
    const bytes = parts.get(part.digest);
    if (bytes === undefined) throw snapshotInvalid('missing_part', 'its bytes are not there', partLabel(part));
    chosen.set(part.digest, { position, bytes });
  });
  return [...chosen.values()];
};
