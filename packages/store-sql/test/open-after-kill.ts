import { createMemoryLog, createNodeHasher, createSequenceIds, FakeClock } from '@skein/testkit';
import { openSqlStores, type SqlStores } from '../src/open-sql-stores.ts';

/** The stores of a data folder whose process was killed; `firstId` keeps the ids of one look from those of another. */
export const openAfterKill = (dataDir: string, firstId: number): Promise<SqlStores> =>
  openSqlStores({
    dataDir,
    clock: new FakeClock(),
    ids: createSequenceIds(firstId),
    log: createMemoryLog(),
    hasher: createNodeHasher(),
  });
