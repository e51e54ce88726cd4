import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDomainError } from '@skein/domain';
import type {
  AuditStore,
  BlobStore,
  Clock,
  DeliveryStore,
  Hasher,
  IdSource,
  Log,
  LogStore,
  MemberStore,
  MemoryStore,
  Meter,
  ProjectStore,
  RolloutStore,
  RunQueue,
  RunStore,
  SecretStore,
  ShardStore,
  SnapshotStore,
  TokenStore,
  WorkerPlaceStore,
} from '@skein/ports';
import { type BackupReport, backupDataFolder } from './backup/backup-data-folder.ts';
import { SqlDeliveryStore } from './delivery/sql-delivery-store.ts';
import { lockDataFolder } from './files/data-folder-lock.ts';
import { DatabaseFile } from './files/database-file.ts';
import { FileBlobStore } from './files/file-blob-store.ts';
import { fileError } from './files/file-error.ts';
import { FileLogStore } from './files/file-log-store.ts';
import { FilePartStore } from './files/file-part-store.ts';
import { SqlAuditStore } from './fleet/sql-audit-store.ts';
import { SqlMemberStore } from './fleet/sql-member-store.ts';
import { SqlRunQueue } from './fleet/sql-run-queue.ts';
import { SqlSecretStore } from './fleet/sql-secret-store.ts';
import { SqlShardStore } from './fleet/sql-shard-store.ts';
import { SqlTokenStore } from './fleet/sql-token-store.ts';
import { SqlWorkerPlaceStore } from './fleet/sql-worker-place-store.ts';
import { SqlMemoryStore } from './memory/sql-memory-store.ts';
import { SqlProjectStore } from './project/sql-project-store.ts';
import { SqlSnapshotStore } from './project/sql-snapshot-store.ts';
import { createSqlRolloutStore } from './rollout/sql-rollout-store.ts';
import { nextWriter } from './run-log/next-writer.ts';
import { SqlRunStore } from './run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from './sql/open-database.ts';
import { createStoreWatch, type StoreWatch } from './sql/store-watch.ts';

/** What the stores work with. */
export interface SqlStoresDeps {
  /** Folder of the database, blobs and logs; made when absent. Exactly one process may have it open. */
  readonly dataDir: string;
  readonly log: Log;
  readonly meter?: Meter;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly hasher: Hasher;
  /** The database refuses to grow beyond this; as large as the disk when absent. */
  readonly maxDatabaseBytes?: number;
  /**
   * A damaged database is renamed, and the error tells its new path: only on the explicit wish of an operator, because the opening after
   * that begins anew. Without it, nothing is touched.
   */
  readonly setAsideDamaged?: boolean;
}

/** Every store port and the embedded queue, over one data folder. */
export interface SqlStores {
  readonly runs: RunStore;
  readonly projects: ProjectStore;
  readonly memory: MemoryStore;
  readonly snapshots: SnapshotStore;
  readonly delivery: DeliveryStore;
  readonly rollouts: RolloutStore;
  readonly blobs: BlobStore;
  readonly logs: LogStore;
  readonly tokens: TokenStore;
  readonly shards: ShardStore;
  readonly members: MemberStore;
  readonly places: WorkerPlaceStore;
  readonly audit: AuditStore;
  readonly sealedSecrets: SecretStore;
  readonly queue: RunQueue;
  /**
   * Copies all to a folder that is made, while work goes on: the copy opens as a data folder and has what was acknowledged before the call.
   * See `backupDataFolder`. Absent where the data is in a database that has tools of its own for it.
   */
  backup?(target: string): Promise<BackupReport>;
  /** Settles what was asked before, then lets go of the folder. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the data folder. Throws `unavailable` when another process has it, or when its database cannot be used now, and `data_corrupt`
 * when the database that it had is missing, empty, foreign or damaged: never is such a folder opened as an empty one.
 */
export const openSqlStores = async (deps: SqlStoresDeps): Promise<SqlStores> => {
  const { dataDir, clock, maxDatabaseBytes } = deps;
  await mkdir(dataDir, { recursive: true }).catch((error: unknown) => {
    throw fileError(error);
  });
  const lock = lockDataFolder(dataDir);
  const file = new DatabaseFile(dataDir);
  let database: OpenDatabase | undefined;
  try {
    const watch = createStoreWatch(deps);
    file.inspect(watch);
    const opened = await openDatabase({
      path: file.path,
      expectsTables: file.created,
      now: clock.now(),
      watch,
      ...(maxDatabaseBytes === undefined ? {} : { maxDatabaseBytes }),
    });
    database = opened;
    const stores = await createStoresInFolder(opened, watch, deps);
    file.markCreated();
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      try {
        await stores.close();
        await opened.close();
      } finally {
        lock.release();
      }
    };
    return {
      ...stores,
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    // Nobody else may open the folder before our writer is gone; why it could not be opened matters more than how it closes.
    await database?.close().catch(() => {});
    const told = refusalOf(file, error, deps);
    lock.release();
    throw told;
  }
};

/** The stores on an open database and the files beside it; closing them settles queue and logs, and leaves the database and its commits to its own close. */
export const createStoresInFolder = async (
  { committer, queries, lists }: OpenDatabase,
  watch: StoreWatch,
  { dataDir, log, clock, ids, hasher }: SqlStoresDeps,
): Promise<SqlStores> => {
  const blobs = new FileBlobStore({ root: join(dataDir, 'blobs'), hasher });
  const files = new FileBlobStore({ root: join(dataDir, 'snapshot-parts'), hasher });
  const parts = new FilePartStore({ files, earlier: blobs });
  const logs = new FileLogStore({ root: join(dataDir, 'logs'), log });
  const queue = await SqlRunQueue.open({ committer, queries, clock, ids });
  const writer = await nextWriter(queries, committer);
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
    shards: new SqlShardStore({ committer, queries }),
    members: new SqlMemberStore({ committer, queries }),
    places: new SqlWorkerPlaceStore({ committer, queries, clock, writer }),
    audit: new SqlAuditStore({ committer, queries }),
    sealedSecrets: new SqlSecretStore({ committer, queries }),
    queue,
    backup: async (target) => {
      await logs.flush();
      return backupDataFolder(dataDir, target);
    },
    close: async () => {
      await queue.close();
      await logs.flush();
    },
  };
};

/** What to throw; setting a damaged file aside may fail itself. */
const refusalOf = (file: DatabaseFile, error: unknown, { setAsideDamaged = false, clock }: SqlStoresDeps): unknown => {
  if (!isDomainError(error) || error.code !== 'data_corrupt') return error;
  try {
    return file.refusal(error, setAsideDamaged, clock.now());
  } catch (failure) {
    return fileError(failure);
  }
};
