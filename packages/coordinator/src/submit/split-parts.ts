import type { Digest, Manifest, ManifestPart } from '@skein/domain';
import { maxAttachedPartBytes } from '@skein/snapshot';

/** How the parts of a snapshot travel, each digest once, in manifest order. */
export interface SplitParts {
  /** Inside envelopes. */
  readonly small: readonly ManifestPart[];
  /** On their own, when the worker asks for them. */
  readonly large: readonly ManifestPart[];
}

const known = new WeakMap<Manifest, SplitParts>();

/** Splits the parts by size; the same answer for the same manifest. */
export const splitParts = (manifest: Manifest): SplitParts => {
  let split = known.get(manifest);
  if (split === undefined) {
    const parts = [...new Map<Digest, ManifestPart>(manifest.parts.map((part) => [part.digest, part])).values()];
    split = {
      small: parts.filter(({ size }) => size <= maxAttachedPartBytes),
      large: parts.filter(({ size }) => size > maxAttachedPartBytes),
    };
    known.set(manifest, split);
  }
  return split;
};
