import type { Hasher, IdSource } from '@skein/ports';
import { SqlDeliveryStore } from './delivery/sql-delivery-store.ts';
import { SqlAuditStore } from './fleet/sql-audit-store.ts';
import { SqlMemberStore } from './fleet/sql-member-store.ts';
import { SqlSecretStore } from './fleet/sql-secret-store.ts';
import { SqlShardStore } from './fleet/sql-shard-store.ts';
import { SqlTokenStore } from './fleet/sql-token-store.ts';
import { SqlWorkerPlaceStore } from './fleet/sql-worker-place-store.ts';
import { SqlMemoryStore } from './memory/sql-memory-store.ts';
import type { SqlStores } from './open-sql-stores.ts';
import { PgBlobStore } from './postgres/pg-blob-store.ts';
import { createPgDatabase, type PgDatabase, type PgDatabaseOptions } from './postgres/pg-database.ts';
import { PgLogStore } from './postgres/pg-log-store.ts';
import { PgPartStore } from './postgres/pg-part-store.ts';
import { PgRunQueue } from './postgres/pg-run-queue.ts';
import { SideConnection, SidePool } from './postgres/side-connection.ts';
import { SqlProjectStore } from './project/sql-project-store.ts';
import { SqlSnapshotStore } from './project/sql-snapshot-store.ts';
import { createSqlRolloutStore } from './rollout/sql-rollout-store.ts';
import { nextWriter } from './run-log/next-writer.ts';
import { SqlRunStore } from './run-log/sql-run-store.ts';
import { createStoreWatch } from './sql/store-watch.ts';

/** Connections that write blobs; opened when they are needed. */
const blobConnections = 3;

/** What the stores work with. */
export interface PostgresStoresDeps extends PgDatabaseOptions {
  readonly ids: IdSource;
  readonly hasher: Hasher;
}

/**
 * Every store port over one schema of a PostgreSQL database, which any number of processes may have open. Throws `unavailable` with
 * `details.reason` when it cannot be used now.
 */
export const openPostgresStores = async (deps: PostgresStoresDeps): Promise<SqlStores> =>
  openStoresOn(await createPgDatabase(deps), deps);

/** The stores over a database that is open; closing them closes it. */
export const openStoresOn = async (database: PgDatabase, deps: PostgresStoresDeps): Promise<SqlStores> => {
  const { clock, ids, hasher, log } = deps;
  const { committer, urgent, queries, lists, target } = database;
  try {
    const watch = createStoreWatch(deps);
    const writer = await nextWriter(queries, committer);
    const pool = new SidePool(target, blobConnections);
    const blobs = new PgBlobStore({ pool, queries, hasher });
    const parts = new PgPartStore({ committer, queries, pool, hasher });
    const behind = new SideConnection(target, 'set synchronous_commit to off');
    const logs = new PgLogStore({ queries, connection: behind, log });
    const queue = new PgRunQueue({ target, clock, ids });
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      await queue.close();
      await logs.close();
      await Promise.all([behind.close(), pool.close()]);
      await database.close();
    };
    return {
      runs: new SqlRunStore({ committer, queries, lists, writer, watch }),
      projects: new SqlProjectStore({ committer, queries, blobs, hasher, writer }),
      memory: new SqlMemoryStore({ committer, queries, writer }),
      snapshots: new SqlSnapshotStore({ committer, queries, parts, hasher }),
      delivery: new SqlDeliveryStore({ committer, queries, writer }),
      rollouts: createSqlRolloutStore({ committer, queries, writer }),
      blobs,
      logs,
      tokens: new SqlTokenStore({ committer, queries, writer }),
      shards: new SqlShardStore(urgent),
      members: new SqlMemberStore(urgent),
      places: new SqlWorkerPlaceStore({ ...urgent, clock, writer }),
      audit: new SqlAuditStore({ committer, queries }),
      sealedSecrets: new SqlSecretStore({ committer, queries }),
      queue,
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    // Why it could not be opened matters more than how it closes.
    await database.close().catch(() => {});
    throw error;
  }
};
