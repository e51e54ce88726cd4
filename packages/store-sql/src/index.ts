export type { BackupReport } from './backup/backup-data-folder.ts';
export { backupDataFolder } from './backup/backup-data-folder.ts';
export type { PostgresStoresDeps } from './open-postgres-stores.ts';
export { openPostgresStores } from './open-postgres-stores.ts';
export type { SqlStores, SqlStoresDeps } from './open-sql-stores.ts';
export { openSqlStores } from './open-sql-stores.ts';
