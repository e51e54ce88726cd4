import type {
  AuditStore,
  BlobStore,
  DeliveryStore,
  LogStore,
  MemberStore,
  MemoryStore,
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
import { afterEach, test } from 'vitest';
import type { FakeClock } from '../fake-clock.ts';

/** The stores under test. */
export interface StoresUnderTest {
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
  close(): Promise<void>;
}

/** What an adapter's test hands to a suite. */
export interface StoreHarness {
  /** The clock that the stores were made with. */
  readonly clock: FakeClock;
  /** Fresh and empty. Each call closes what the call before it opened. */
  open(): Promise<StoresUnderTest>;
  /** Closes the stores and opens the same data again; absent when nothing survives a close. */
  readonly reopen?: () => Promise<StoresUnderTest>;
  close(): Promise<void>;
}

/** Makes a harness; called once per suite. */
export type MakeHarness = () => StoreHarness;

/** A test that needs data to survive a close; an adapter that declares it cannot shows as skipped. */
export const durableTest = (
  harness: StoreHarness,
  name: string,
  body: (reopen: () => Promise<StoresUnderTest>) => Promise<void>,
): void => {
  const { reopen } = harness;
  if (reopen === undefined) test.skip(`${name} (nothing survives a close here)`, () => {});
  else test(name, () => body(reopen));
};

/** Makes the suite's harness and closes it after each test. */
export const useHarness = (make: MakeHarness): StoreHarness => {
  const harness = make();
  afterEach(() => harness.close());
  return harness;
};
