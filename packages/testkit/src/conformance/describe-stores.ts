import { describeAuditStore } from './describe-audit-store.ts';
import { describeBlobStore } from './describe-blob-store.ts';
import { describeDeliveryStore } from './describe-delivery-store.ts';
import { describeLogStore } from './describe-log-store.ts';
import { describeMemberStore } from './describe-member-store.ts';
import { describeMemoryStore } from './describe-memory-store.ts';
import { describeProjectStore } from './describe-project-store.ts';
import { describeRetention } from './describe-retention.ts';
import { describeRolloutStore } from './describe-rollout-store.ts';
import { describeRunQueue } from './describe-run-queue.ts';
import { describeRunStore } from './describe-run-store.ts';
import { describeSecretStore } from './describe-secret-store.ts';
import { describeShardStore } from './describe-shard-store.ts';
import { describeSnapshotStore } from './describe-snapshot-store.ts';
import { describeTokenStore } from './describe-token-store.ts';
import { describeWorkerPlaceStore } from './describe-worker-place-store.ts';
import type { MakeHarness } from './store-harness.ts';

/** The whole conformance of a set of stores and its queue. */
export const describeStores = (name: string, make: MakeHarness): void => {
  describeRunStore(name, make);
  describeRetention(name, make);
  describeDeliveryStore(name, make);
  describeProjectStore(name, make);
  describeMemoryStore(name, make);
  describeRolloutStore(name, make);
  describeSnapshotStore(name, make);
  describeBlobStore(name, make);
  describeLogStore(name, make);
  describeTokenStore(name, make);
  describeShardStore(name, make);
  describeMemberStore(name, make);
  describeWorkerPlaceStore(name, make);
  describeAuditStore(name, make);
  describeSecretStore(name, make);
  describeRunQueue(name, make);
};
