import type { Clock, Hasher, IdSource, Log, Meter, RunQueue } from '@skein/ports';
import { openBullmqQueue } from '@skein/queue-bullmq';
import { openPostgresStores, openSqlStores, type SqlStores } from '@skein/store-sql';
import type { FleetSettings } from './fleet-config.ts';
import { plainHosts } from './plain-hosts.ts';

/** What stores and queue work with. */
export interface OpenStoresDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly meter: Meter;
}

/** Where they are. */
export interface OpenStoresOptions {
  readonly dataDir: string;
  readonly setAsideDamaged: boolean;
  readonly fleet: FleetSettings;
}

/**
 * Opens the stores: PostgreSQL when there is one, else those in the data folder; and the queue on Redis when there is one. Warns of each
 * that is reached over a network in plain.
 */
export const openStores = async (options: OpenStoresOptions, deps: OpenStoresDeps): Promise<SqlStores> => {
  const { dataDir, setAsideDamaged, fleet } = options;
  const { store, redis } = fleet;
  for (const { what, host, remedy } of plainHosts(fleet))
    deps.log.warn(`${what} is reached over a network without TLS: its URL should say ${remedy}`, { host });
  const stores =
    store === undefined
      ? await openSqlStores({ ...deps, dataDir, setAsideDamaged })
      : await openPostgresStores({
          ...deps,
          url: store.url(),
          ...(store.schema === undefined ? {} : { schema: store.schema }),
        });
  if (redis === undefined) return stores;
  try {
    const queue: RunQueue = await openBullmqQueue({ ...deps, url: redis() });
    return {
      ...stores,
      queue,
      close: async () => {
        await queue.close();
        await stores.close();
      },
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
};
