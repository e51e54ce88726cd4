import type {
  BlobStore,
  Clock,
  Hasher,
  IdSource,
  Log,
  LogStore,
  Meter,
  ProjectReader,
  ProjectStore,
  RunQueue,
  RunStore,
  Secrets,
  ShardStore,
  SnapshotStore,
  TokenStore,
} from '@skein/ports';

/** Everything of the outside world that a coordinator uses. */
export interface CoordinatorDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly hasher: Hasher;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly meter: Meter;
  readonly runs: RunStore;
  readonly queue: RunQueue;
  readonly projects: ProjectStore;
  readonly snapshots: SnapshotStore;
  readonly blobs: BlobStore;
  readonly logs: LogStore;
  readonly tokens: TokenStore;
  readonly shards: ShardStore;
  readonly projectReader: ProjectReader;
}

/** Settings of a coordinator; times in ms, sizes in bytes. */
export interface CoordinatorConfig {
  readonly coordinatorId: string;
  /** How often workers send a sign of life. */
  readonly heartbeatMs: number;
  /** A worker that was silent for so long has lost its tasks. */
  readonly leaseMs: number;
  /** Period of the sweep that repairs what hints and timers forgot. */
  readonly sweepMs: number;
  /** Another coordinator may take a shard that was not renewed for so long. */
  readonly shardLeaseMs: number;
  /** Runs that are admitted at once, whatever the number of slots; the window is the larger of this and twice the slots. */
  readonly minWindow: number;
  /** Facts between two state checkpoints of a run. */
  readonly checkpointFacts: number;
  /** Largest envelope that travels inside an offer. */
  readonly maxAttachedBytes: number;
  /** Largest canonical JSON of a run's params. */
  readonly maxParamsBytes: number;
  /** Largest canonical JSON of a run's routing context, which is part of a fact. */
  readonly maxRoutingContextBytes: number;
  /** How long a looked-up token is trusted; a local revocation acts at once. */
  readonly tokenCacheMs: number;
  /** False when other coordinators publish too: then the project's revision is read before each submit. */
  readonly solePublisher: boolean;
}

/** Defaults of `CoordinatorConfig`. */
export const defaultCoordinatorConfig: CoordinatorConfig = {
  coordinatorId: 'coordinator',
  heartbeatMs: 1_500,
  leaseMs: 6_000,
  sweepMs: 1_000,
  shardLeaseMs: 10_000,
  minWindow: 256,
  checkpointFacts: 512,
  maxAttachedBytes: 256 * 1024,
  maxParamsBytes: 256 * 1024,
  maxRoutingContextBytes: 32 * 1024,
  tokenCacheMs: 5_000,
  solePublisher: true,
};
