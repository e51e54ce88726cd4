import type { Digest, JsonValue, SessionId, StepKind, TaskRef, TenantId, WorkerId, WorkerInfo } from '@skein/domain';
import type {
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  HeldTask,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from './coordinator-gateway.ts';

/*
 * How coordinators talk to one another.
 *
 * A worker's stream ends at one coordinator, its holder. The home of a run, which may be another, sees the worker as a session that it
 * reaches through the holder: its offers travel home → holder → worker, what the worker says of a task travels worker → holder → home of
 * the task's run. The holder alone gives out the worker's slots: a home says what it wants, the holder grants a slot, the home leases a
 * task on it and offers, or gives it back.
 *
 * P1 Frames of one stream come in order. A stream that breaks loses what was under way: both sides begin anew with `peer_hello`, `homes`,
 *    `worker` and `holdings`, which are absolute.
 * P2 Nothing here is durable and nothing needs to be: leases, results and shards are decided by the store.
 * P3 The holder keeps each result and checkpoint that it passed on until the home has answered, and passes it on again to a new home.
 */

/** Free slots of workers that are alike. */
export interface FreeSlots {
  readonly tenant: TenantId;
  readonly labels: { readonly [label: string]: string };
  readonly kinds: readonly StepKind[];
  readonly free: number;
}

/** Slots that a home could use now: an absolute number per class, 0 takes the wish back. */
export interface SlotWish {
  /** Name of the task class: equal names, equal classes. */
  readonly taskClass: string;
  readonly tenant: TenantId;
  readonly kind: StepKind;
  readonly selector: { readonly [label: string]: string };
  readonly count: number;
  /** Highest priority among the runs that wait. */
  readonly priority: number;
  /** Snapshot that the first of them needs, so that a worker that holds it may be chosen. */
  readonly snapshot?: Digest;
}

/** A worker whose stream ends at the sender. */
export interface PeerWorker {
  readonly tenant: TenantId;
  readonly tokenId: string;
  readonly worker: WorkerInfo;
  readonly sessionId: SessionId;
  /** Of the worker's place: the higher one is the newer stream. */
  readonly epoch: number;
  readonly snapshotFormat: number;
  readonly held: readonly Digest[];
  /** ms since the epoch, for people. */
  readonly connectedAt: number;
  readonly draining: boolean;
  /** As in `hello`: tasks that the process began and gave up. Absent: unknown. */
  readonly gaveUp?: readonly TaskRef[];
  /** What it holds, of any run, when it opened its stream just now. Absent: the worker is known, or `holdings` follow. */
  readonly holds?: { readonly running: readonly HeldTask[]; readonly unacknowledged: readonly TaskRef[] };
}

/** What a worker holds, of the shards that a `holdings` message is about. */
export interface WorkerHoldings {
  readonly workerId: WorkerId;
  readonly sessionId: SessionId;
  readonly running: readonly HeldTask[];
  /** Results that are not acknowledged; each follows as `from_worker`. */
  readonly unacknowledged: readonly TaskRef[];
}

/** Why a worker's stream no longer ends at the sender. `moved`: another coordinator has it now. */
export type WorkerGone = 'stream_broke' | 'silent' | 'lapsed' | 'exited' | 'drained' | 'moved';

/** What one coordinator tells another. */
export type PeerMessage =
  /** First message of both sides, once. */
  | {
      readonly type: 'peer_hello';
      readonly protocol: { readonly min: number; readonly max: number };
      readonly coordinatorId: string;
      readonly incarnation: string;
    }
  /** A sign of life; any other message is one too. */
  | { readonly type: 'alive' }
  /** Shards whose runs the sender has read and drives. Absolute. */
  | { readonly type: 'homes'; readonly shards: readonly { readonly shard: number; readonly epoch: number }[] }
  /** Free slots of the sender's workers that nobody waits for. Absolute; a hint. */
  | { readonly type: 'slots'; readonly free: readonly FreeSlots[] }
  | { readonly type: 'wish'; readonly wishes: readonly SlotWish[] }
  /** Slots of one worker that are the receiver's until it offers or gives them back. */
  | {
      readonly type: 'grant';
      readonly workerId: WorkerId;
      readonly sessionId: SessionId;
      readonly taskClass: string;
      readonly count: number;
    }
  | { readonly type: 'give_back'; readonly workerId: WorkerId; readonly sessionId: SessionId; readonly count: number }
  | { readonly type: 'worker'; readonly worker: PeerWorker }
  | {
      readonly type: 'worker_gone';
      readonly workerId: WorkerId;
      readonly sessionId: SessionId;
      readonly reason: WorkerGone;
    }
  /** What the sender's workers hold of runs of these shards: the answer to `homes` that name them. A worker that is not named holds nothing. */
  | { readonly type: 'holdings'; readonly shards: readonly number[]; readonly workers: readonly WorkerHoldings[] }
  /** Of a task whose run is at home at the receiver: all but `hello`, `credits`, `heartbeat`, `goodbye`; and `evicted`. */
  | {
      readonly type: 'from_worker';
      readonly workerId: WorkerId;
      readonly sessionId: SessionId;
      readonly message: WorkerMessage;
    }
  /** For a worker of the receiver: all but `welcome`, `heartbeat_answer`, `refused`. */
  | {
      readonly type: 'to_worker';
      readonly workerId: WorkerId;
      readonly sessionId: SessionId;
      readonly message: CoordinatorMessage;
    }
  | { readonly type: 'exited'; readonly tenant: TenantId; readonly report: ExitReport }
  /** Runs of the receiver's shards that wait in the store to be admitted, or have changed there. A hint. */
  | { readonly type: 'wake'; readonly runs: readonly { readonly tenant: TenantId; readonly runId: string }[] }
  /** Runs of the sender that the receiver has watchers of: something was appended. */
  | { readonly type: 'appended'; readonly runIds: readonly string[] }
  /** Runs of the receiver that the sender has watchers of. Absolute. */
  | { readonly type: 'watching'; readonly runIds: readonly string[] }
  /** What the receiver may have in its caches is no longer true. */
  | { readonly type: 'changed'; readonly tenant: TenantId; readonly what: 'project' | 'tokens' | 'rollouts' }
  /** The sender stops in order: its shards are free now, and its workers look for another coordinator. */
  | { readonly type: 'leaving' };

/** A call of one of the coordinator's use cases at the run's home. Arguments and answer are JSON. */
export interface PeerCall {
  readonly method: string;
  readonly args: readonly JsonValue[];
}

/** What peers show one another: the secret of the fleet, compared in constant time. */
export interface PeerCredentials {
  readonly secret: string;
}

/** The door of a coordinator, as its peers see it. Implemented by the coordinator in process, and by the gRPC client at the other end. */
export interface PeerGateway {
  /** Opens a stream. Wrong credentials end it with `permission_denied`. Never throws. */
  openPeerStream(credentials: PeerCredentials, listener: StreamListener<PeerMessage>): StreamLink<PeerMessage>;
  /** Throws what the use case throws, `unimplemented` for a method that peers may not call, `permission_denied`, `unavailable`. */
  callPeer(credentials: PeerCredentials, call: PeerCall, signal?: AbortSignal): Promise<JsonValue>;
}

/** A connection to one other coordinator. */
export interface PeerConnection {
  readonly peer: PeerGateway;
  /** The same coordinator's door for workers: calls of workers about tasks whose home it is are passed on to it. */
  readonly workers: CoordinatorGateway;
  close(): Promise<void>;
}

/** Reaches other coordinators. Opening does not wait for the other side. */
export interface PeerDialer {
  dial(peerAddress: string): PeerConnection;
}

/** Versions of the peer protocol that this build speaks, inclusive. */
export const peerProtocolVersions = { min: 1, max: 1 } as const;
