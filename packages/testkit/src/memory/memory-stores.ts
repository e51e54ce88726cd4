import type { Clock, Hasher } from '@skein/ports';
import { MemoryAgentPointers } from './memory-agent-pointers.ts';
import { MemoryAuditStore } from './memory-audit-store.ts';
import { MemoryBlobStore } from './memory-blob-store.ts';
import { MemoryDeliveryStore } from './memory-delivery-store.ts';
import { MemoryLogStore } from './memory-log-store.ts';
import { MemoryMemberStore } from './memory-member-store.ts';
import { MemoryMemoryStore } from './memory-memory-store.ts';
import { MemoryProjectStore } from './memory-project-store.ts';
import { MemoryRolloutStore } from './memory-rollout-store.ts';
import { MemoryRunQueue } from './memory-run-queue.ts';
import { MemoryRunStore } from './memory-run-store.ts';
import { MemorySecretStore } from './memory-secret-store.ts';
import { MemoryShardStore } from './memory-shard-store.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { MemoryTokenStore } from './memory-token-store.ts';
import { MemoryWorkerPlaceStore } from './memory-worker-place-store.ts';

/** Every store port and the queue, in memory. */
export interface MemoryStores {
  readonly runs: MemoryRunStore;
  readonly projects: MemoryProjectStore;
  readonly memory: MemoryMemoryStore;
  readonly snapshots: MemorySnapshotStore;
  readonly delivery: MemoryDeliveryStore;
  readonly rollouts: MemoryRolloutStore;
  readonly blobs: MemoryBlobStore;
  readonly logs: MemoryLogStore;
  readonly tokens: MemoryTokenStore;
  readonly shards: MemoryShardStore;
  readonly members: MemoryMemberStore;
  readonly places: MemoryWorkerPlaceStore;
  readonly audit: MemoryAuditStore;
  readonly sealedSecrets: MemorySecretStore;
  readonly queue: MemoryRunQueue;
  close(): Promise<void>;
}

/** Stores that live as long as the value: a coordinator that is "killed" leaves them as a database would be left. */
export const createMemoryStores = (deps: { readonly clock: Clock; readonly hasher: Hasher }): MemoryStores => {
  const snapshots = new MemorySnapshotStore(deps);
  const memory = new MemoryMemoryStore();
  const delivery = new MemoryDeliveryStore();
  const pointers = new MemoryAgentPointers();
  const rollouts = new MemoryRolloutStore({ memory, pointers });
  const queue = new MemoryRunQueue(deps);
  return {
    runs: new MemoryRunStore({ snapshots, memory, delivery, units: rollouts }),
    projects: new MemoryProjectStore({ ...deps, memory, pointers, rollouts }),
    memory,
    snapshots,
    delivery,
    rollouts,
    blobs: new MemoryBlobStore(deps),
    logs: new MemoryLogStore(),
    tokens: new MemoryTokenStore(),
    shards: new MemoryShardStore(),
    members: new MemoryMemberStore(),
    places: new MemoryWorkerPlaceStore(deps),
    audit: new MemoryAuditStore(),
    sealedSecrets: new MemorySecretStore(),
    queue,
    close: () => queue.close(),
  };
};
