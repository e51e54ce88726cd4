import type { MemoryPolicy } from '@skein/domain';
import type {
  AuditStore,
  BlobStore,
  Clock,
  DeliveryStore,
  Expressions,
  Hasher,
  Hmac,
  IdSource,
  Log,
  LogStore,
  MemberStore,
  MemoryStore,
  Meter,
  PeerDialer,
  ProjectReader,
  ProjectStore,
  RolloutStore,
  RunQueue,
  RunStore,
  Sealer,
  SecretSource,
  SecretStore,
  Secrets,
  ShardStore,
  SnapshotStore,
  TokenStore,
  Tracer,
  WebhookSender,
  WorkerPlaceStore,
} from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { snapshotFormats } from '@skein/snapshot';
import type { AuditConfig } from '../audit/audit-log.ts';
import { defaultAuditConfig } from '../audit/audit-log.ts';

/** Everything of the outside world that a coordinator uses. */
export interface CoordinatorDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly hasher: Hasher;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly meter: Meter;
  /** Records what runs and tasks took; without it nothing does. */
  readonly tracer?: Tracer;
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
  /** Who did what; without it nothing is audited. */
  readonly audit?: AuditStore;
  /** Secrets at rest, and what opens them; without a sealer there are none, and no triggers. */
  readonly sealedSecrets?: SecretStore;
  readonly sealer?: Sealer;
  /** Checks the signatures of triggers. */
  readonly hmac?: Hmac;
  /** Who belongs to the fleet; needed by a coordinator that is not the only one. */
  readonly members?: MemberStore;
  /** Which coordinator holds which worker's stream; needed by a coordinator that is not the only one. */
  readonly places?: WorkerPlaceStore;
  /** Reaches the other coordinators of a fleet; without it this one is reached only. */
  readonly peerDialer?: PeerDialer;
  /** Called once, when another process has taken over the name of this coordinator: nothing is done here any more. */
  readonly onReplaced?: () => void;
}

/** How a coordinator belongs to a fleet; times in ms. */
export interface FleetConfig {
  /** Unlike that of any other process, also of the same coordinator started again. */
  readonly incarnation: string;
  /** `HOST:PORT` at which other coordinators reach this one. */
  readonly peerAddress: string;
  /** `HOST:PORT` at which workers reach it. */
  readonly workerAddress: string;
  /** What coordinators of the fleet show one another; absent or empty: nobody is let in. */
  readonly peerSecret?: string;
  /** Tells this secret from another, for coordinators that start; absent: they do not look. */
  readonly secretFingerprint?: string;
  /** Period of renewals; default 200. */
  readonly renewMs: number;
  /** A member whose row did not change for so long is dead, and one that could not renew for so long drives nothing; default 700. */
  readonly memberLeaseMs: number;
  /** Facts that this coordinator is to know, as `TYPE@VERSION`: fewer than its build does, to try how versions live side by side. */
  readonly facts?: readonly string[];
}

/** Periods of a fleet. */
export const defaultFleetTimes: Pick<FleetConfig, 'renewMs' | 'memberLeaseMs'> = { renewMs: 200, memberLeaseMs: 700 };

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
  /** In a fleet: who held a worker's stream is kept for so long after its last change, unless a live coordinator may hold it; default 7 days. */
  readonly placeMs?: number;
  readonly sweepMs: number;
}

/** Default of `placeMs`: a worker that comes back later begins anew, with a new use of a limited join token. */
export const defaultPlaceMs = 7 * 86_400_000;

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
  readonly audit: AuditConfig;
  /** Absent: this coordinator is the only one on its stores, but for one that takes its place. */
  readonly fleet?: FleetConfig;
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
  audit: defaultAuditConfig,
  retention: { runMs: 90 * 86_400_000, eventMs: 30 * 86_400_000, maxEvents: 100_000, sweepMs: 60_000 },
};
