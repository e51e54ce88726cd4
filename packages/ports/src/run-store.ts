import type {
  DeadLetter,
  DeliveryEvent,
  Digest,
  JsonObject,
  RolloutExposure,
  RolloutTally,
  RunFact,
  RunId,
  RunSource,
  RunStatus,
  StoredProposal,
  TenantId,
} from '@skein/domain';

/** The list row of a run, kept in the same commit as its facts. Instants in ms. */
export interface RunHead {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly dag: string;
  readonly dagDigest: Digest;
  readonly status: RunStatus;
  /** Sequence number of the last fact. */
  readonly seq: number;
  /** 0 … 255, from the run id. */
  readonly shard: number;
  readonly priority: number;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly snapshotDigest?: Digest;
  readonly partial: boolean;
  readonly retryOf?: RunId;
  /** The run whose step called this one, and the first run of that tree; both absent for a root. */
  readonly parentRunId?: RunId;
  readonly rootRunId?: RunId;
  /** The run's durable timer: the next instant at which time alone changes its plan. Part of the same commit. */
  readonly dueAt?: number;
  /** Facts up to this number were removed by retention; the state checkpoint at the end of the log stands for them. */
  readonly prunedSeq?: number;
}

/** Uniqueness that is decided in the transaction that creates a run. */
export interface RunCreation {
  /** Same key and same `bodyDigest`: the existing run is answered; other body: `already_exists`. */
  readonly idempotency?: { readonly key: string; readonly bodyDigest: string };
  /** At most one run per (tenant, dag, scheduleId, nominalAt). `nominalAt` in ms. */
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: number };
  readonly source: RunSource;
  readonly routingContext: JsonObject;
}

/** Facts of one run, to be appended at its head. */
export interface AppendRequest {
  readonly tenant: TenantId;
  readonly runId: RunId;
  /** Head before this append; 0 creates the run and needs `creation`. */
  readonly expectedSeq: number;
  /** At least one. Each at most 64 KiB as JSON. */
  readonly facts: readonly RunFact[];
  /** The head after this append: `seq` is `expectedSeq + facts.length`. */
  readonly head: RunHead;
  readonly creation?: RunCreation;
  /**
   * Snapshot that this append pins; refused with `version_conflict` if it is no longer stored. So is an append by which an open run
   * begins to name a snapshot that is not stored, pinned or not. An append that lost the race says so before it is refused.
   */
  readonly pinsSnapshot?: Digest;
  /** The tenant's project revision that the admission was prepared from; refused with `version_conflict` if it has moved. */
  readonly expectsRevision?: number;
  /** Memory proposals of results in `facts`: inserted in the same commit, each once by its id. */
  readonly proposals?: readonly StoredProposal[];
  /** Inserted in the same commit, each once by its id. */
  readonly deadLetters?: readonly DeadLetter[];
  /** Numbered and inserted in the same commit. */
  readonly events?: readonly DeliveryEvent[];
  /** Units that this append exposes to an arm; numbered in order of assignment, each unit once per rollout. */
  readonly exposures?: readonly RolloutExposure[];
  /**
   * Snapshots beside the head's that the run begins, or ceases, to refer to with this append: what begun steps of a migrated run work with.
   * Each `take` is refused with `version_conflict` if it is no longer stored. What is taken is released by a later append, at the latest by that
   * which ends the run.
   */
  readonly holds?: { readonly take: readonly Digest[]; readonly release: readonly Digest[] };
  /** How this admission stood to the live rollouts of its agents: counted. */
  readonly tallies?: readonly RolloutTally[];
}

/** Outcome of one append. Losing a race is an answer, not an exception. */
export type AppendOutcome =
  | { readonly status: 'appended' }
  /** The head was not `expectedSeq`; nothing was written. */
  | { readonly status: 'conflict'; readonly seq: number }
  /** The idempotency key or the fire already made this run; nothing was written. */
  | { readonly status: 'duplicate'; readonly runId: RunId; readonly sameBody: boolean };

/** Filter of a run list; newest first. */
export interface RunFilter {
  readonly tenant: TenantId;
  readonly dag?: string;
  readonly status?: RunStatus;
  /** Children of this run only. Without it, only roots are listed. */
  readonly parentRunId?: RunId;
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

/** A folded state that saves replaying a long log. `body` is opaque to the store. */
export interface StateCheckpoint {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly seq: number;
  readonly body: Uint8Array;
}

/**
 * The run log and its heads: the truth.
 * Appends of many callers share one durable commit (full synchronous write); each is settled on its own, so one bad run never costs another.
 * `append` resolves only when the facts are on disk, and rejects with `unavailable` when that is unknown or impossible:
 * then the caller must re-read before it goes on. Appends of one run are applied in call order.
 */
export interface RunStore {
  append(request: AppendRequest): Promise<AppendOutcome>;
  /** Facts with sequence numbers `afterSeq + 1 …`, in order. Empty when there are none; `not_found` for an unknown run, `data_corrupt` for a row whose checksum is wrong. Facts that were pruned are left out: see `RunHead.prunedSeq`. */
  readFacts(tenant: TenantId, runId: RunId, afterSeq: number, limit?: number): Promise<readonly RunFact[]>;
  readHead(tenant: TenantId, runId: RunId): Promise<RunHead | undefined>;
  listRuns(filter: RunFilter): Promise<Page<RunHead>>;
  /** All runs that are not terminal and were admitted (running or waiting), of these shards, in creation order. */
  listOpen(shards: readonly number[]): Promise<readonly RunHead[]>;
  /** Queued runs in dispatch order (priority, then fair by tenant and DAG, then age), at most `limit`. */
  nextQueued(shards: readonly number[], limit: number): Promise<readonly RunHead[]>;
  /** Heads whose `dueAt` is at or before `now`, oldest first, at most `limit`. */
  listDue(shards: readonly number[], now: number, limit: number): Promise<readonly RunHead[]>;
  saveCheckpoint(checkpoint: StateCheckpoint): Promise<void>;
  loadCheckpoint(tenant: TenantId, runId: RunId): Promise<StateCheckpoint | undefined>;
  /** Terminal runs that ended before `before` (ms) and are not pruned, oldest first, at most `limit`. */
  listPrunable(before: number, limit: number): Promise<readonly RunHead[]>;
  /** Removes the facts of a terminal run whose state checkpoint is at its last fact, in one commit with `prunedSeq`. False when that is not so. */
  pruneRun(tenant: TenantId, runId: RunId): Promise<boolean>;
  /** Whether a small durable write goes through now. Throws `unavailable` with `details.reason` (`disk_full`, `io_error`, `locked`, `closed`), or `data_corrupt`. */
  probeWrite(): Promise<void>;
  /** Counts by status, for metrics and readiness. */
  countByStatus(tenant?: TenantId): Promise<{ readonly [status in RunStatus]?: number }>;
}
