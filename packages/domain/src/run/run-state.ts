import type { AgentProgress } from '../checkpoint/checkpoint-entry.ts';
import type { Dag } from '../dag/dag.ts';
import type { DagIndex } from '../dag/dag-index.ts';
import type { DeadLetterReason } from '../delivery/dead-letter.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import type { Digest, FencingToken, RunId, SessionId, StepId, StepPath, TenantId, WorkerId } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { MailboxState } from '../message/agent-message.ts';
import type { WaitState } from '../wait/wait-state.ts';
import type { AgentDecision, CallTargets, RecordedResult, RunSource } from './run-fact.ts';
import type { RunStatus, SkipReason, StepStatus } from './run-status.ts';
import type { ValueRef } from './value-ref.ts';

/** A live lease: who works on the attempt and since when. */
export interface LeaseState {
  readonly token: FencingToken;
  readonly workerId: WorkerId;
  readonly sessionId: SessionId;
  readonly leasedAt: number;
  /** Secrets that were released under it, each once. */
  released?: string[];
  /** Set in memory when the worker says `started`; not a fact. */
  startedAt?: number;
}

/** A request to stop, and who made it. */
export interface CancelState {
  readonly at: number;
  readonly by: string;
  readonly reason: 'requested' | 'timeout' | 'rolled_back';
  readonly message?: string;
}

/** What a run used before a rollback with the run policy `migrate`, and which steps go on with it. */
export interface Migration {
  readonly rolloutId: string;
  readonly before: {
    readonly agents: { readonly [agentId: string]: AgentDecision };
    readonly snapshotDigest?: Digest;
    readonly memory?: { readonly [scope: string]: number };
  };
  /** Steps, items or whole fan-outs that had begun, with their round: a later round uses what the run uses then. */
  readonly begun: { readonly [path: StepPath]: number };
}

/** A child run under way: its step is `waiting`. */
export interface CallState {
  readonly childRunId: RunId;
  readonly dag: string;
  readonly dagDigest: Digest;
  readonly calledAt: number;
}

/** State of one step, of one item of a fan-out, or of a handler. */
export interface StepState {
  readonly path: StepPath;
  status: StepStatus;
  /** Number of the current or last attempt; 0 before the first lease. */
  attempt: number;
  /** Application failures so far. */
  failures: number;
  /** Worker losses after `started` so far. */
  losses: number;
  /** Leases lost in a row before step code had begun. */
  unstartedLosses: number;
  /** The earlier lease reached `started`, so that the next lease is a new attempt (R2). */
  attemptStarted: boolean;
  lease?: LeaseState;
  /** Like a lease, it counts among the `leases` of the run and the `leased` of a fan-out. */
  call?: CallState;
  /** The last child run, also when it ended. */
  childRunId?: RunId;
  /** A `wait` or `approval` under way; it counts among the `waits` of the run, not among the leases. */
  wait?: WaitState;
  /** How a `wait` or `approval` of this round ended. */
  answer?: {
    readonly decision: 'time' | 'message' | 'approved' | 'rejected' | 'timed_out';
    readonly by: string;
    readonly reason?: string;
    readonly at: number;
  };
  /** How far its agent has come, while an attempt may go on from there. */
  progress?: AgentProgress;
  /** Messages of this step execution (round); absent while there are none. */
  mailbox?: MailboxState;
  /** Rounds that a push-back added; absent means 0. */
  round?: number;
  /** Losses that were shared with other tasks of the worker; absent means 0. */
  sharedLosses?: number;
  deadLetter?: DeadLetterReason;
  /** Results in a row that were not taken because of an unread message; absent means 0. */
  unreadReturns?: number;
  /** The last losses, oldest first, at most 20: for the history of a dead letter. */
  lossLog?: { readonly at: number; readonly what: string; readonly workerId?: string }[];
  /** While `retrying`: not before this instant (ms). */
  notBefore?: number;
  workerId?: WorkerId;
  startedAt?: number;
  finishedAt?: number;
  result?: RecordedResult;
  /** Token under which `result` was recorded; the same result again is a repetition, any other token is stale (R2). */
  resultToken?: FencingToken;
  error?: ErrorData;
  skipReason?: SkipReason;
  /** Dependencies that are not settled yet; 0 for items. */
  openDependencies: number;
  fanout?: FanoutState;
}

/** Items of an expanded fan-out, in item order. */
export interface FanoutState {
  readonly items: ValueRef;
  readonly states: StepState[];
  /** Items from this index on were never leased. */
  next: number;
  /** Items below `next` that want another lease: ready again or retrying. */
  readonly again: Set<number>;
  /** Items not settled yet. */
  open: number;
  /** Items that hold a lease or an open call. */
  leased: number;
  /** Items that ended failed. */
  failed: number;
}

/**
 * State of a run: the fold of its facts. The value is owned by one driver: `evolve` changes it in place and returns it
 * (a copy per fact would make a 10,000-item fan-out quadratic); `cloneRunState` gives a second owner its own.
 * The planner's bookkeeping (`frontier`, counters) is part of the state and is rebuilt by replaying the facts.
 */
export interface RunState {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly dag: Dag;
  readonly graph: DagIndex;
  /** Sequence number of the last fact; 0 before the first. */
  seq: number;
  status: RunStatus;
  dagDigest: Digest;
  /** With `paramsRef`, empty until the driver fills in what the blob store holds. */
  params: { readonly [name: string]: JsonValue };
  paramsRef?: { readonly digest: Digest; readonly bytes: number };
  routingContext: JsonObject;
  priority: number;
  source: RunSource;
  agents: { readonly [agentId: string]: AgentDecision };
  snapshotDigest?: Digest;
  calls?: CallTargets;
  memory?: { readonly [scope: string]: number };
  /** Oldest first; absent while there is none. `agents`, `snapshotDigest` and `memory` are those of the newest. See `versionsOfStep`. */
  migrations?: readonly Migration[];
  /** Milliseconds from admission: the smaller of what was asked for at submit and what the DAG says. */
  timeoutMs?: number;
  untrustedInput?: true;
  /** See `run_submitted`. */
  traceparent?: string;
  /** Set once all steps are settled and handlers follow. */
  closing?: {
    readonly status: 'succeeded' | 'failed' | 'cancelled';
    readonly partial: boolean;
    readonly error?: ErrorData;
    /** A request to stop the handlers; one from before this phase is in `cancel` of the run and does not stop them. */
    readonly cancel?: CancelState;
  };
  createdAt: number;
  startedAt?: number;
  finishedAt?: number;
  partial: boolean;
  error?: ErrorData;
  /** A request from before the closing phase. */
  cancel?: CancelState;
  /** Steps of the graph in its order, then the handlers that the DAG has, under `@name`. */
  readonly steps: Map<StepId, StepState>;
  /** Steps of the graph, without handlers, that are not settled yet. */
  openSteps: number;
  /** Steps that wait for time, a message or a person, and the instant (ms) at which the wait ends by itself: infinite for never. */
  readonly waits: Map<StepPath, number>;
  /** Steps, items and handlers with unread messages. */
  readonly unread: Set<StepPath>;
  /** The last push-back, for `${run.feedback}`. */
  feedback?: { readonly round: number; readonly to: StepId; readonly by: string; readonly text: string };
  /** Leases held and calls open now, in steps, items and handlers. */
  leases: number;
  /**
   * Steps that the planner must look at: all dependencies settled, not settled themselves, and something may be leased, expanded,
   * skipped or cancelled; and the handler whose turn it is. A plan reads these only, so its cost does not grow with the DAG.
   */
  readonly frontier: Set<StepId>;
}
