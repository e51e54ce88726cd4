import type { Digest } from '@skein/domain';
import type { HeldBytes, VerifiedSnapshot } from './verify-snapshot.ts';

/**
 * Manifests and parts that a worker keeps, least recently used out, bounded by bytes.
 *
 * C1 It takes verified bytes only, copies them in and copies them out: nobody outside can change what is held. `adopt` and `borrow` copy
 *    nothing; they are for readers in this package, which never write.
 * C2 A manifest is held only while all its parts are: whoever hears that a snapshot is held need send nothing (S5).
 * C3 Every digest that leaves is reported once, in one call per change.
 */
export class PartCache implements HeldBytes {
  readonly #maxBytes: number;
  /** In order of use, oldest first. */
  readonly #entries = new Map<Digest, Entry>();
  readonly #listeners: ((digests: readonly Digest[]) => void)[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held now; at most the bound. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if this whole snapshot is held; counts as a use of all of it. */
  use(snapshot: Digest): boolean {
    const entry = this.#entries.get(snapshot);
    for (const digest of entry === undefined ? [] : [...entry.needs, snapshot]) this.#touch(digest);
    return entry !== undefined;
  }

  /** A copy of what is held under this digest, or undefined. Counts as a use. */
  read(digest: Digest): Uint8Array | undefined {
    return this.#touch(digest)?.bytes.slice();
  }

  /** What is held under this digest itself, or undefined; stays good after it was evicted. Counts as a use. */
  borrow(digest: Digest): Uint8Array | undefined {
    return this.#touch(digest)?.bytes;
  }

  /** Takes in all of a verified snapshot, or those of its parts that fit. Idempotent; counts as a use of all of it. */
  keep(snapshot: VerifiedSnapshot): void {
    const copies = [...snapshot.parts].map(([digest, bytes]) => [digest, bytes.slice()] as const);
    this.adopt({ ...snapshot, manifestBytes: snapshot.manifestBytes.slice(), parts: new Map(copies) });
  }

  /** Like `keep`, with bytes that nobody changes any more. */
  adopt(snapshot: Pick<VerifiedSnapshot, 'digest' | 'manifestBytes' | 'parts'>): void {
    for (const [digest, bytes] of snapshot.parts) this.#put(digest, bytes, []);
    this.#put(snapshot.digest, snapshot.manifestBytes, [...snapshot.parts.keys()]);
    this.#evict();
  }

  /** Takes in single verified parts that nobody changes any more. Idempotent; counts as a use. */
  adoptParts(parts: ReadonlyMap<Digest, Uint8Array>): void {
    for (const [digest, bytes] of parts) this.#put(digest, bytes, []);
    this.#evict();
  }

  /** Digests of manifests and parts held now. */
  held(): readonly Digest[] {
    return [...this.#entries.keys()];
  }

  /** Calls the listener with the digests that left; it must not throw. */
  onEvicted(listener: (digests: readonly Digest[]) => void): void {
    this.#listeners.push(listener);
  }

  #touch(digest: Digest): Entry | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    return entry;
  }

  #put(digest: Digest, bytes: Uint8Array, needs: readonly Digest[]): void {
    const known = this.#entries.get(digest);
    this.#entries.delete(digest);
    this.#entries.set(digest, known ?? { bytes, needs });
    if (known === undefined) this.#bytes += bytes.length;
  }

  #evict(): void {
    const gone: Digest[] = [];
    for (const digest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(digest, gone);
    }
    if (gone.length === 0) return;
    for (const [digest, entry] of this.#entries) {
      if (entry.needs.some((need) => !this.#entries.has(need))) this.#remove(digest, gone);
    }
    for (const listener of this.#listeners) listener(gone);
  }

  #remove(digest: Digest, gone: Digest[]): void {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    this.#entries.delete(digest);
    this.#bytes -= entry.bytes.length;
    gone.push(digest);
  }
}

interface Entry {
  readonly bytes: Uint8Array;
  /** For a manifest: its parts. */
  readonly needs: readonly Digest[];
}
