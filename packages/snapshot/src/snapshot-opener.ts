import { type Digest, isDomainError, type SnapshotAttachment } from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import { hydrate } from './hydrate.ts';
import { PartCache } from './part-cache.ts';
import { type VerifyDeps, verifySnapshot } from './verify-snapshot.ts';

/** What an opener works with. */
export interface OpenerDeps extends VerifyDeps {
  /** Bound of the part cache. */
  readonly maxCacheBytes: number;
}

/** Asks the coordinator for an envelope with what is not held. */
type FetchEnvelope = (held: readonly Digest[]) => Promise<Uint8Array>;

/** Turns the snapshots of offers into read-only stores; shared by all tasks of a worker. */
export interface CachingSnapshotOpener {
  /**
   * Verified stores of exactly this digest (S1); the same ones while the snapshot stays in the cache. `fetchEnvelope` is called, once for tasks that
   * ask at the same time, when attachment and cache together lack something. Throws what `verifySnapshot`, `hydrate` and `fetchEnvelope` throw.
   */
  open(attachment: SnapshotAttachment, fetchEnvelope: FetchEnvelope): Promise<AgentStores>;
  /** Digests of snapshots and parts in the cache. */
  held(): readonly Digest[];
  onEvicted(listener: (digests: readonly Digest[]) => void): void;
}

/** Makes the opener of one worker. */
export const createSnapshotOpener = (deps: OpenerDeps): CachingSnapshotOpener => {
  const cache = new PartCache(deps.maxCacheBytes);
  const hydrated = new Map<Digest, AgentStores>();
  const fetching = new Map<Digest, Promise<AgentStores>>();
  cache.onEvicted((digests) => {
    for (const digest of digests) hydrated.delete(digest);
  });

  const openBytes = (digest: Digest, envelope: Uint8Array | undefined): AgentStores => {
    const source = envelope === undefined ? { held: cache } : { held: cache, envelope };
    const snapshot = verifySnapshot(deps, digest, source);
    const stores = hydrate(snapshot, deps.limits);
    cache.keep(snapshot);
    if (cache.use(digest)) hydrated.set(digest, stores);
    return stores;
  };

  const fetchAndOpen = (digest: Digest, fetchEnvelope: FetchEnvelope): Promise<AgentStores> => {
    const running = fetching.get(digest);
    if (running !== undefined) return running;
    const fetchFor = async (held: readonly Digest[]) => openBytes(digest, await fetchEnvelope(held));
    const started = fetchFor(cache.held())
      // Something that was held when we asked may have left before the answer came: then all of it is asked for, once.
      .catch((thrown) => (lacksBytes(thrown) ? fetchFor([]) : Promise.reject(thrown)))
      .finally(() => fetching.delete(digest));
    fetching.set(digest, started);
    return started;
  };

  return {
    open: async ({ digest, envelope }, fetchEnvelope) => {
      const known = hydrated.get(digest);
      if (known !== undefined && cache.use(digest)) return known;
      try {
        return openBytes(digest, envelope);
      } catch (thrown) {
        if (!lacksBytes(thrown)) throw thrown;
      }
      return fetchAndOpen(digest, fetchEnvelope);
    },
    held: () => cache.held(),
    onEvicted: (listener) => cache.onEvicted(listener),
  };
};

/** True when more bytes could help: the part that is missing may have left the cache after the coordinator last heard of it. */
const lacksBytes = (thrown: unknown): boolean => {
  if (!isDomainError(thrown) || thrown.code !== 'snapshot_invalid') return false;
  const reason = thrown.details?.['reason'];
  return reason === 'missing_snapshot' || reason === 'missing_part';
};
