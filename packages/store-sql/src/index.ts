export type { SqlStores, SqlStoresDeps } from './open-sql-stores.ts';
export { openSqlStores } from './open-sql-stores.ts';
