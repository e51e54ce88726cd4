import type { Digest, Manifest } from '@skein/domain';
import { manifestBytes } from '@skein/snapshot';
import type { SealedSnapshot } from '../submit/sealed-snapshots.ts';

/** Snapshots of which it is remembered how much the worker lacks. */
const maxCounted = 256;

/** Most digests that a worker is believed to hold: several caches full of parts of ordinary size. */
const maxHeld = 16_384;

/** Each digest of a snapshot once, with its uncompressed size; the snapshot's own stands for its manifest. */
type Sizes = readonly (readonly [Digest, number])[];

const known = new WeakMap<Manifest, Sizes>();

const sizesOf = ({ digest, manifest }: SealedSnapshot): Sizes => {
  let sizes = known.get(manifest);
  if (sizes === undefined) {
    const bySize = new Map(manifest.parts.map((part) => [part.digest, part.size]));
    sizes = [...bySize.set(digest, manifestBytes(manifest).length)];
    known.set(manifest, sizes);
  }
  return sizes;
};

/**
 * The manifests and parts that a worker holds, as far as is known here: what it said when it joined, and what it was sent since, from the
 * moment of sending on, because the stream keeps order; less what it said has left. A wrong belief costs a transfer, no more; so that it is
 * bounded, whatever a worker says or keeps to itself.
 */
export class Holdings {
  readonly #digests: Set<Digest>;
  /** By snapshot; void with every change. */
  readonly #missing = new Map<Digest, number>();

  /** `held`: as a worker says it, newest first. */
  constructor(held: readonly Digest[] = []) {
    this.#digests = new Set(held.slice(0, maxHeld).toReversed());
  }

  /** Digests held now. */
  get size(): number {
    return this.#digests.size;
  }

  /** The newest of them, newest first. */
  newest(limit: number): readonly Digest[] {
    return [...this.#digests].slice(-limit).toReversed();
  }

  has(digest: Digest): boolean {
    return this.#digests.has(digest);
  }

  add(digest: Digest): void {
    if (this.#digests.has(digest)) return;
    this.#digests.add(digest);
    this.#missing.clear();
    for (const oldest of this.#digests) {
      if (this.#digests.size <= maxHeld) return;
      this.#digests.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    if (this.#digests.delete(digest)) this.#missing.clear();
  }

  /** Uncompressed bytes of the snapshot that the worker lacks. Constant, but for the first time after a change. */
  missingBytes(sealed: SealedSnapshot): number {
    let bytes = this.#missing.get(sealed.digest);
    if (bytes !== undefined) return bytes;
    bytes = 0;
    for (const [digest, size] of sizesOf(sealed)) if (!this.#digests.has(digest)) bytes += size;
    if (this.#missing.size >= maxCounted) this.#missing.clear();
    this.#missing.set(sealed.digest, bytes);
    return bytes;
  }
}
