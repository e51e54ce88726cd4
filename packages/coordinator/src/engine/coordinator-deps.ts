import type { MemoryPolicy } from '@skein/domain';
import type {
  BlobStore,
  Clock,
  DeliveryStore,
  Expressions,
  Hasher,
  IdSource,
  Log,
  LogStore,
  MemoryStore,
  Meter,
  ProjectReader,
  ProjectStore,
  RolloutStore,
  RunQueue,
  RunStore,
  SecretSource,
  Secrets,
  ShardStore,
  SnapshotStore,
  TokenStore,
  WebhookSender,
} from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { snapshotFormats } from '@skein/snapshot';

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
  readonly memory: MemoryStore;
  readonly delivery: DeliveryStore;
  readonly rollouts: RolloutStore;
  readonly expressions: Expressions;
  /** Sends one webhook; without it, none are sent. */
  readonly webhooks?: WebhookSender;
  /** Values of the secrets that tasks ask for; without it this coordinator has none, and workers bring their own. */
  readonly secretValues?: SecretSource;
}

/** How proposals become memory. Times in ms. */
export interface MemoryConfig {
  /** A proposal is folded when it has waited for so long: the most often that a scope gets a new revision by the clock. */
  readonly foldIntervalMs: number;
  /** A scope is folded at once when so many proposals wait. */
  readonly foldAfter: number;
  /** By kind of scope; an agent's own proposals of a run with untrusted input wait for review whatever `agent` says but `off`. */
  readonly policies: {
    readonly global: MemoryPolicy;
    readonly dag: MemoryPolicy;
    readonly agent: MemoryPolicy;
  };
}

/** What is kept and for how long; times in ms. */
export interface RetentionConfig {
  /** A finished run keeps its facts and logs for so long, then only its last state; 0: for ever. */
  readonly runMs: number;
  /** Delivery events are kept for so long (0: whatever their age), and of each tenant never more than `maxEvents`. */
  readonly eventMs: number;
  readonly maxEvents: number;
  readonly sweepMs: number;
}

/** How rollouts are tended; times in ms. */
export interface RolloutConfig {
  /** Evaluators look at every live rollout at least so often, and after each batch of values. */
  readonly tickMs: number;
  /** The same candidate is not started again on its agent for so long after a rollback. */
  readonly cooldownMs: number;
  /** Consecutive infrastructure failures on the candidate that pause it, while stable succeeded within `breakerWindowMs`. */
  readonly breakerFailures: number;
  readonly breakerWindowMs: number;
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
  /** Snapshot formats that this coordinator writes; a worker that reads none of them is refused. */
  readonly snapshotFormats: readonly SnapshotFormat[];
  readonly memory: MemoryConfig;
  /** A snapshot that no open run refers to is removed when it was not used for so long. */
  readonly snapshotRetentionMs: number;
  /** Period of the sweep that removes snapshots. */
  readonly snapshotSweepMs: number;
  /** Addresses of coordinators (`HOST:PORT`) that workers are told to try when they lose this one. At most 32. */
  readonly advertise: readonly string[];
  /**
   * Second and later leases of a step after losses, against storms: at most this part of the recent leases, and never fewer than
   * `minPerSecond`. The first lease after a loss is free.
   */
  readonly redelivery: { readonly share: number; readonly minPerSecond: number };
  readonly retention: RetentionConfig;
  readonly rollouts: RolloutConfig;
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
  snapshotFormats,
  memory: {
    foldIntervalMs: 30_000,
    foldAfter: 100,
    policies: { global: 'review', dag: 'review', agent: 'auto' },
  },
  snapshotRetentionMs: 7 * 86_400_000,
  snapshotSweepMs: 60_000,
  advertise: [],
  redelivery: { share: 0.1, minPerSecond: 5 },
  rollouts: { tickMs: 1_000, cooldownMs: 86_400_000, breakerFailures: 5, breakerWindowMs: 60_000 },
  retention: { runMs: 90 * 86_400_000, eventMs: 30 * 86_400_000, maxEvents: 100_000, sweepMs: 60_000 },
};
