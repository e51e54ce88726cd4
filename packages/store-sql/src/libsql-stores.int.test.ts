import {
  createFolderHarness,
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  describeStores,
} from '@skein/testkit';
import { openSqlStores } from './open-sql-stores.ts';

let opened = 0;

describeStores('libSQL', () =>
  createFolderHarness((dataDir, clock) => {
    // Each opening has ids of its own, as each process has.
    opened += 1;
    const ids = createSequenceIds(1_000 + opened);
    return openSqlStores({ dataDir, clock, ids, log: createMemoryLog(), hasher: createNodeHasher() });
  }),
);
