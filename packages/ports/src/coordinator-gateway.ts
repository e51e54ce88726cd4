import type {
  AgentMessage,
  CheckpointEntry,
  Digest,
  DomainError,
  ErrorData,
  SessionId,
  TaskOffer,
  TaskRef,
  TaskResult,
  WorkerId,
  WorkerInfo,
} from '@skein/domain';

/** Whom a client's certificate names, as the transport verified it; `other`: neither a worker nor a coordinator. */
export interface CertificateIdentity {
  readonly role: 'worker' | 'coordinator' | 'other';
  /** Of a worker or a coordinator; empty for others. */
  readonly name: string;
}

/** What a peer shows to be let in. The token is the plain join token; it is compared by hash. */
export interface JoinCredentials {
  readonly token: string;
  /** Set by a server that demands certificates, always; a client cannot set it. */
  readonly certificate?: CertificateIdentity;
}

/** A task that a joining worker still runs, and whether its step code began. */
export interface HeldTask extends TaskRef {
  readonly started: boolean;
}

/** Worker to coordinator. `hello` is the first message of every stream and comes once. */
export type WorkerMessage =
  | {
      readonly type: 'hello';
      /** Protocol versions that the worker speaks, inclusive. */
      readonly protocol: { readonly min: number; readonly max: number };
      readonly worker: WorkerInfo;
      /** Digests of snapshots and parts in the worker's cache. */
      readonly held: readonly Digest[];
      readonly running: readonly HeldTask[];
      /** Results without an acknowledgement; each also follows as a `result` message. */
      readonly unacknowledged: readonly TaskRef[];
      /**
       * Tasks that this process began and gave up without a result since it started: it fenced itself, or was told to stop. The newest
       * last. With it, a task that is nowhere in the hello never reached the process; without it (older workers, or more than 1,000 such
       * tasks) it may have begun.
       */
      readonly gaveUp?: readonly TaskRef[];
    }
  /** Free slots: how many more offers the worker takes now. An absolute number, not a delta. */
  | { readonly type: 'credits'; readonly free: number; readonly offersSeen: number }
  /** The task is taken: it will run, or a result `released` follows. */
  | { readonly type: 'received'; readonly task: TaskRef }
  | { readonly type: 'started'; readonly task: TaskRef }
  | { readonly type: 'log'; readonly task: TaskRef; readonly bytes: Uint8Array }
  | { readonly type: 'result'; readonly result: TaskResult }
  /**
   * Durable points of an agent attempt, in order; `index` entries of this transcript were recorded before them. Answered with
   * `checkpoint_recorded`, or `revoke`. Sent again after a reconnect until answered.
   */
  | {
      readonly type: 'checkpoint';
      readonly task: TaskRef;
      readonly index: number;
      readonly entries: readonly CheckpointEntry[];
    }
  /** Messages of a task by their numbers: in the worker's memory, or in the request of a model turn. Memory only. */
  | { readonly type: 'messages_received'; readonly task: TaskRef; readonly numbers: readonly number[] }
  | {
      readonly type: 'messages_presented';
      readonly task: TaskRef;
      readonly numbers: readonly number[];
      readonly turn: number;
    }
  /** Covers all running tasks. `sentAtMs` is the worker's monotonic clock and comes back in the answer. */
  | { readonly type: 'heartbeat'; readonly sentAtMs: number; readonly running: number }
  /** Parts that left the worker's cache. */
  | { readonly type: 'evicted'; readonly digests: readonly Digest[] }
  | { readonly type: 'draining' }
  | { readonly type: 'goodbye' };

/** Coordinator to worker. */
export type CoordinatorMessage =
  | {
      readonly type: 'welcome';
      readonly protocol: number;
      readonly sessionId: SessionId;
      readonly coordinatorId: string;
      /** Wall clock of the coordinator, ms; for people only. */
      readonly serverTime: number;
      readonly heartbeatMs: number;
      readonly leaseMs: number;
      /** The snapshot format of every envelope in this session: the highest that both sides know. */
      readonly snapshotFormat: number;
      /** Addresses of coordinators (`HOST:PORT`) to which the worker may reconnect, besides those that it was started with. At most 32. */
      readonly coordinators?: readonly string[];
      /** Of the tasks in `hello.running`: those to keep. The others must stop and report nothing. */
      readonly keep: readonly TaskRef[];
    }
  | { readonly type: 'offer'; readonly offer: TaskOffer }
  | {
      readonly type: 'result_acknowledged';
      readonly task: TaskRef;
      readonly outcome: 'recorded' | 'repeated' | 'stale' | 'conflict';
    }
  | { readonly type: 'heartbeat_answer'; readonly sentAtMs: number }
  /** The first `count` entries of the task's transcript are durable. */
  | { readonly type: 'checkpoint_recorded'; readonly task: TaskRef; readonly count: number }
  /** For the agent of a task that the worker holds. May come again; the number tells. */
  | { readonly type: 'message'; readonly task: TaskRef; readonly message: AgentMessage }
  | { readonly type: 'cancel'; readonly task: TaskRef; readonly reason: string }
  /** The task is no longer the worker's: stop side effects, report nothing. */
  | { readonly type: 'revoke'; readonly task: TaskRef }
  | { readonly type: 'drain' }
  /** Last message before the coordinator closes the stream. */
  | { readonly type: 'refused'; readonly error: ErrorData };

/** The receiving half of a stream. Calls come in order, never after `onClosed`, and never throw. */
export interface StreamListener<M> {
  onMessage(message: M): void;
  /** Once. `error` says why when the end was not orderly. */
  onClosed(error?: DomainError): void;
}

/** The sending half of a stream. Never blocks: past its bound the stream is cut with `resource_exhausted`. */
export interface StreamLink<M> {
  send(message: M): void;
  /** Orderly end; messages already sent are delivered first. Idempotent. */
  close(error?: DomainError): void;
}

/** A launcher's word that a worker process is gone and that nothing of it still runs. */
export interface ExitReport {
  readonly workerId?: WorkerId;
  readonly incarnation: string;
  readonly exitCode?: number;
  readonly signal?: string;
}

/** Which of a snapshot's bytes a worker asks for. */
export interface SnapshotRequest {
  readonly task: TaskRef;
  readonly digest: Digest;
  /** Parts that the worker holds already. */
  readonly held: readonly Digest[];
}

/** Bytes of one part that a worker asks for. */
export interface PartRequest {
  readonly task: TaskRef;
  /** The snapshot of the task. */
  readonly digest: Digest;
  readonly part: Digest;
  /** Compressed bytes that the worker has already, from an earlier call that broke. */
  readonly offset: number;
}

/**
 * The door of a coordinator, as workers see it. Implemented by the coordinator in process and by the gRPC client in a worker,
 * so that one port serves both ends of the wire and a simulation skips the wire.
 */
export interface CoordinatorGateway {
  /** Opens a worker's stream. Wrong credentials or versions answer with `refused`, then `onClosed`. Never throws. */
  openWorkerStream(
    credentials: JoinCredentials,
    listener: StreamListener<CoordinatorMessage>,
  ): StreamLink<WorkerMessage>;
  /** Idempotent. Throws `unauthenticated`, `unavailable`. */
  reportExit(credentials: JoinCredentials, report: ExitReport): Promise<void>;
  /** One gzip envelope with the manifest and those parts not held that are at most 64 KiB; larger ones come by `fetchPart`. The bytes may be shared with other callers: nobody changes them. Throws `not_found`, `stale_fencing_token`, `unauthenticated`. */
  fetchSnapshot(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: SnapshotRequest,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  /**
   * One part of the task's snapshot as one gzip member, from `offset` on: `onBytes` gets the pieces in order, and what it got stays good
   * when the call then rejects, so that the next call goes on from there (equal content gives equal bytes on every coordinator).
   * The pieces are shared with other callers: who wants to keep one copies it, and nobody changes it.
   * Resolves with the size of the whole member. Throws like `fetchSnapshot`, and `invalid_argument` for an offset past the end.
   */
  fetchPart(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: PartRequest,
    onBytes: (bytes: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<number>;
  /**
   * The value of a secret that the task's DAG or agent declares, while the worker holds its lease. Recorded before it is answered.
   * Throws `permission_denied` (not declared), `not_found` (no such secret here), `stale_fencing_token`, `unauthenticated`, `unavailable`.
   */
  readSecret(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    secret: string,
    signal?: AbortSignal,
  ): Promise<string>;
  /** Throws `not_found`, `stale_fencing_token`, `unauthenticated`. */
  fetchBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  /**
   * Whether `storeBlob` would take bytes of this task now: asked by a door that is about to receive them, so that whoever may not store
   * costs no memory. Throws `stale_fencing_token`, `unauthenticated`, `unavailable`. A gateway without it is not asked.
   */
  mayStoreBlob?(credentials: JoinCredentials, sessionId: SessionId, task: TaskRef): Promise<void>;
  /** Stores bytes of a result before the result names them. Durable when it resolves. Throws `too_large`, `stale_fencing_token`. */
  storeBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Digest>;
}

/** Versions of the worker protocol that this build speaks, inclusive. */
export const protocolVersions = { min: 1, max: 1 } as const;

/** Largest value of a secret, in bytes of UTF-8. */
export const maxSecretBytes = 64 * 1024;
