import { type Digest, isDomainError, type SnapshotAttachment } from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import { hydrate } from './hydrate.ts';
import { HydratedStores } from './hydrated-stores.ts';
import { PartCache } from './part-cache.ts';
import { type VerifyDeps, verifySnapshot } from './verify-snapshot.ts';

/** What an opener works with. */
export interface OpenerDeps extends VerifyDeps {
  /** Bound of the part cache, and of what the stores made from it hold: twice this in all. */
  readonly maxCacheBytes: number;
}

/** Asks the coordinator for an envelope with what is not held. */
type FetchEnvelope = (held: readonly Digest[]) => Promise<Uint8Array>;

/** Turns the snapshots of offers into read-only stores; shared by all tasks of a worker. */
export interface CachingSnapshotOpener {
  /**
   * Verified stores of exactly this digest (S1); the same ones while the snapshot stays in the cache. `fetchEnvelope` is called when attachment and
   * cache together lack something; tasks that ask at the same time share one call, but not its failure: it speaks for the task that made it, which
   * may have been cancelled, so each of the others then asks for itself. Throws what `verifySnapshot`, `hydrate` and `fetchEnvelope` throw.
   */
  open(attachment: SnapshotAttachment, fetchEnvelope: FetchEnvelope): Promise<AgentStores>;
  /** Digests of snapshots and parts in the cache. */
  held(): readonly Digest[];
  onEvicted(listener: (digests: readonly Digest[]) => void): void;
}

/** Makes the opener of one worker. */
export const createSnapshotOpener = (deps: OpenerDeps): CachingSnapshotOpener => {
  const cache = new PartCache(deps.maxCacheBytes);
  const hydrated = new HydratedStores(deps.maxCacheBytes);
  /** Fetches under way; undefined when one fails. */
  const sharing = new Map<Digest, Promise<AgentStores | undefined>>();
  cache.onEvicted((digests) => {
    for (const digest of digests) hydrated.delete(digest);
  });

  const openBytes = (digest: Digest, envelope: Uint8Array | undefined): AgentStores => {
    const source = envelope === undefined ? { held: cache } : { held: cache, envelope };
    const snapshot = verifySnapshot(deps, digest, source);
    const stores = hydrate(snapshot, deps.limits);
    cache.keep(snapshot);
    const bytes = snapshot.manifest.parts.reduce((sum, part) => sum + part.size, 0);
    if (cache.use(digest)) hydrated.set(digest, stores, bytes);
    return stores;
  };

  const fetchAndOpen = async (digest: Digest, fetchEnvelope: FetchEnvelope): Promise<AgentStores> => {
    const running = sharing.get(digest);
    const shared = running === undefined ? undefined : await running;
    if (shared !== undefined) return shared;
    const fetchFor = async (held: readonly Digest[]) => openBytes(digest, await fetchEnvelope(held));
    const own = fetchFor(cache.held())
      // Something that was held when we asked may have left before the answer came: then all of it is asked for, once.
      .catch((thrown) => (lacksBytes(thrown) ? fetchFor([]) : Promise.reject(thrown)));
    if (!sharing.has(digest)) {
      const settled = own.catch(() => undefined).finally(() => sharing.delete(digest));
      sharing.set(digest, settled);
    }
    return own;
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
