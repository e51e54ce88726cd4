import type { Digest, ManifestPart, SnapshotAttachment } from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import { Flights } from './flights.ts';
import { HydratedStores } from './hydrated-stores.ts';
import { PartCache } from './part-cache.ts';
import { decodePartMember } from './part-member.ts';
import { SnapshotAssembly } from './snapshot-assembly.ts';
import type { VerifyDeps } from './verify-snapshot.ts';

/** What an opener works with. */
export interface OpenerDeps extends VerifyDeps {
  /** Bound of the part cache, and of the snapshots whose stores are kept ready. What one opening needs beside it comes on top. */
  readonly maxCacheBytes: number;
}

/** How the bytes of one task's snapshot are fetched; both throw what the coordinator's gateway throws. */
export interface SnapshotFetchers {
  /** An envelope with the manifest and the small parts that are not held. */
  readonly fetchEnvelope: (held: readonly Digest[]) => Promise<Uint8Array>;
  /** One part as one gzip member, as `encodePartMember` makes it. */
  readonly fetchPart: (part: Digest) => Promise<Uint8Array>;
}

/** Turns the snapshots of offers into read-only stores; shared by all tasks of a worker. */
export interface CachingSnapshotOpener {
  /**
   * Verified stores of exactly this digest (S1); the same ones while the snapshot stays in the cache. The manifest and small parts come
   * attached, from the cache, or by `fetchEnvelope`; larger parts that are missing one by one by `fetchPart`. Tasks that ask at the same time share
   * each transfer, but not its failure. Parts that were verified stay in the cache even if the whole fails.
   * When `signal` aborts it rejects at once with the signal's reason; a transfer that others share goes on as long as its fetcher does.
   * Throws what `SnapshotFormat.decode`, `decodePartMember` and the fetchers throw; `digest_mismatch`; and `snapshot_invalid` with
   * `bad_json`, `bad_part`, `bad_path` and `missing_part`.
   */
  open(attachment: SnapshotAttachment, fetchers: SnapshotFetchers, signal?: AbortSignal): Promise<AgentStores>;
  /** Digests of snapshots and parts in the cache. */
  held(): readonly Digest[];
  onEvicted(listener: (digests: readonly Digest[]) => void): void;
}

/** Makes the opener of one worker. */
export const createSnapshotOpener = (deps: OpenerDeps): CachingSnapshotOpener => new SnapshotOpener(deps);

class SnapshotOpener implements CachingSnapshotOpener {
  readonly #deps: OpenerDeps;
  readonly #cache: PartCache;
  readonly #ready: HydratedStores;
  readonly #openings = new Flights<Digest, AgentStores>();
  readonly #transfers = new Flights<Digest, Uint8Array>();

  constructor(deps: OpenerDeps) {
    this.#deps = deps;
    this.#cache = new PartCache(deps.maxCacheBytes);
    this.#ready = new HydratedStores(deps.maxCacheBytes);
    this.#cache.onEvicted((digests) => {
      for (const digest of digests) this.#ready.delete(digest);
    });
  }

  async open(
    { digest, envelope }: SnapshotAttachment,
    fetchers: SnapshotFetchers,
    signal?: AbortSignal,
  ): Promise<AgentStores> {
    signal?.throwIfAborted();
    const known = this.#known(digest);
    if (known !== undefined) return known;
    const assembly = new SnapshotAssembly(this.#deps, this.#cache, digest);
    if (envelope !== undefined) assembly.takeEnvelope(envelope);
    assembly.takeHeld();
    const missing = assembly.missing();
    if (missing?.small.length === 0 && missing.large.length === 0) return this.#finish(digest, assembly);
    return this.#openings.share(digest, () => this.#complete(digest, assembly, fetchers, signal), signal);
  }

  held(): readonly Digest[] {
    return this.#cache.held();
  }

  onEvicted(listener: (digests: readonly Digest[]) => void): void {
    this.#cache.onEvicted(listener);
  }

  #known(digest: Digest): AgentStores | undefined {
    const stores = this.#ready.get(digest);
    return stores !== undefined && this.#cache.use(digest) ? stores : undefined;
  }

  async #complete(
    digest: Digest,
    assembly: SnapshotAssembly,
    fetchers: SnapshotFetchers,
    signal: AbortSignal | undefined,
  ): Promise<AgentStores> {
    const known = this.#known(digest);
    if (known !== undefined) return known;
    // Others may have brought something while this task waited.
    assembly.takeHeld();
    if (lacksEnvelope(assembly)) await this.#takeEnvelope(assembly, fetchers, this.#cache.held());
    // What was held when we asked may have left before the answer came: then all of it is asked for, once.
    if (lacksEnvelope(assembly)) await this.#takeEnvelope(assembly, fetchers, []);
    const large = assembly.missing()?.large ?? [];
    if (large.length > 0) assembly.keepParts();
    for (const part of large) {
      assembly.takePart(part, await this.#transfer(part, fetchers, signal));
    }
    return this.#finish(digest, assembly);
  }

  async #takeEnvelope(assembly: SnapshotAssembly, fetchers: SnapshotFetchers, held: readonly Digest[]): Promise<void> {
    assembly.takeEnvelope(await fetchers.fetchEnvelope(held));
    assembly.takeHeld();
  }

  #transfer(part: ManifestPart, fetchers: SnapshotFetchers, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const bring = async (): Promise<Uint8Array> => {
      const held = this.#cache.borrow(part.digest);
      return held ?? decodePartMember(await fetchers.fetchPart(part.digest), part, this.#deps);
    };
    return this.#transfers.share(part.digest, bring, signal);
  }

  #finish(digest: Digest, assembly: SnapshotAssembly): AgentStores {
    const { stores, bytes } = assembly.finish();
    if (this.#cache.use(digest)) this.#ready.set(digest, stores, bytes);
    return stores;
  }
}

/** True if the manifest or a part of an envelope is missing. */
const lacksEnvelope = (assembly: SnapshotAssembly): boolean => {
  const missing = assembly.missing();
  return missing === undefined || missing.small.length > 0;
};
