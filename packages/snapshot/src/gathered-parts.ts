import { type Digest, DomainError, type ManifestPart, maxAskers, type PartKind, type Problem } from '@skein/domain';
import type { Hasher } from '@skein/ports';

type Entry = Omit<ManifestPart, 'askedBy'>;

/** Parts that a build found, who asked for each, and what was not found. */
export class GatheredParts {
  readonly bytes = new Map<Digest, Uint8Array>();
  readonly problems: Problem[] = [];
  readonly #hasher: Hasher;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #entries = new Map<Digest, Entry>();
  readonly #askers = new Map<Digest, Set<string>>();

  /** `askers`: all of them, in the order in which a part names them; those that are not in it come last. */
  constructor(hasher: Hasher, askers: readonly string[]) {
    this.#hasher = hasher;
    this.#ranks = new Map(askers.map((asker, index) => [asker, index]));
  }

  /** Throws `digest_mismatch` when the bytes are not those of `expected`. */
  add(kind: PartKind, name: string, bytes: Uint8Array, expected?: string): Digest {
    const digest = this.#hasher.digest(bytes);
    if (expected !== undefined && digest !== expected) {
      const what = `${kind} ${name}`;
      const message = `${what} is stored as ${expected}, but its bytes are ${digest}`;
      throw new DomainError('digest_mismatch', message, { what });
    }
    this.#entries.set(digest, { kind, name, size: bytes.length, digest });
    this.bytes.set(digest, bytes);
    return digest;
  }

  /** Notes steps that ask for a part. */
  ask(digest: Digest, steps: readonly string[]): void {
    const askers = this.#askers.get(digest) ?? new Set();
    for (const step of steps) askers.add(step);
    this.#askers.set(digest, askers);
  }

  /** What a manifest lists, with the first askers of each part. */
  entries(): readonly ManifestPart[] {
    const rank = (asker: string): number => this.#ranks.get(asker) ?? this.#ranks.size;
    return [...this.#entries.values()].map((entry) => {
      const askers = [...(this.#askers.get(entry.digest) ?? [])].sort((a, b) => rank(a) - rank(b));
      return { ...entry, askedBy: askers.slice(0, maxAskers) };
    });
  }
}
