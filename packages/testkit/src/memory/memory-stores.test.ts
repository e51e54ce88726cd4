import { describeBlobStore } from '../conformance/describe-blob-store.ts';
import { describeLogStore } from '../conformance/describe-log-store.ts';
import { describeProjectStore } from '../conformance/describe-project-store.ts';
import { describeRunQueue } from '../conformance/describe-run-queue.ts';
import { describeRunStore } from '../conformance/describe-run-store.ts';
import { describeShardStore } from '../conformance/describe-shard-store.ts';
import { describeSnapshotStore } from '../conformance/describe-snapshot-store.ts';
import { describeTokenStore } from '../conformance/describe-token-store.ts';
import type { StoreHarness } from '../conformance/store-harness.ts';
import { FakeClock } from '../fake-clock.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createMemoryStores } from './memory-stores.ts';

const make = (): StoreHarness => {
  const clock = new FakeClock();
  const open = async () => createMemoryStores({ clock, hasher: createNodeHasher() });
  return { clock, open, close: async () => {} };
};

describeRunStore('memory', make);
describeProjectStore('memory', make);
describeSnapshotStore('memory', make);
describeBlobStore('memory', make);
describeLogStore('memory', make);
describeTokenStore('memory', make);
describeShardStore('memory', make);
describeRunQueue('memory', make);
