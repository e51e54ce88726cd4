import type { ReplyEntry, RestartEntry, ToolEntry, TurnEntry } from '../checkpoint/checkpoint-entry.ts';
import type { DeadLetterReason } from '../delivery/dead-letter.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import type { Digest, FencingToken, RunId, SessionId, StepId, StepPath, VersionId, WorkerId } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { AgentMessage, MessageEndReason } from '../message/agent-message.ts';
import type { TaskOutcome, Usage } from '../task/task-result.ts';
import type { WaitsFor } from '../wait/wait-state.ts';
import type { RunStatus, SkipReason } from './run-status.ts';
import type { ValueRef } from './value-ref.ts';

/** Who started a run. */
export type RunSource =
  | { readonly kind: 'api' }
  | { readonly kind: 'schedule'; readonly scheduleId: string; readonly nominalAt: string }
  | {
      readonly kind: 'retry';
      readonly retryOf: RunId;
      /** Decide the agent versions anew, instead of taking those of the retried run. */
      readonly latest?: true;
      /** Take them even where they were rolled back meanwhile; without it a version that was rolled back gives way to the active one. */
      readonly sameVersions?: true;
    }
  /** A step of another run calls this run's DAG; agents and snapshot are those of the root. */
  | {
      readonly kind: 'call';
      readonly parentRunId: RunId;
      readonly step: StepPath;
      readonly attempt: number;
      readonly rootRunId: RunId;
      /** Calls between the root and this run; 1 for a call by the root. */
      readonly depth: number;
    }
  /**
   * A run that Skein started to judge an output, to replay a recorded step on another version, or to shadow a live one: one agent step,
   * whose version is explicit. It is shown under the run that it is about, which it never changes, and counts in no rollout.
   */
  | {
      readonly kind: 'evaluation';
      readonly purpose: 'judge' | 'replay' | 'shadow';
      readonly ofRunId: RunId;
      /** The root of that run's tree. */
      readonly rootRunId: RunId;
      readonly step: StepPath;
      /** The scorer, replay or rollout that it is for. */
      readonly for: string;
      /** Recorded tool results that take the place of calls: a `Playback` in the blob store. */
      readonly playback?: { readonly digest: Digest; readonly bytes: number };
    };

/** The DAGs that a run's tree may call, fixed at admission (R4): by the digest of the calling DAG, then by name. */
export interface CallTargets {
  readonly [callerDigest: Digest]: { readonly [name: string]: Digest };
}

/**
 * How a version was chosen, in the order in which it is tried (g.3): named in the DAG or request; kept from the run that is retried; the agent is
 * frozen; the unit is forced to an arm; the segments of the rollout (only these count as evidence); or the stable version, `active` where no
 * rollout is live, and `stable` where one is but the run is not eligible, has no routing key, or the rollout is paused.
 */
export type DecisionSource = 'explicit' | 'active' | 'retry' | 'frozen' | 'forced' | 'segments' | 'stable';

/** One agent's routing decision, made at admission and never changed (R4), except by a rollout's `migrate` (`run_migrated`). */
export interface AgentDecision {
  readonly versionId: VersionId;
  readonly source: DecisionSource;
  readonly rolloutId?: string;
  /** The rollout's revision and epoch that decided. */
  readonly revision?: number;
  readonly epoch?: number;
  /** Index in the rollout's `arms`. */
  readonly arm?: number;
  /** Position of the unit, and its hash: see `unitHash`. Only where a routing key was found. */
  readonly position?: number;
  readonly unit?: string;
  /** Why `stable`; `unbuildable`: the snapshot of its arm cannot be built; `migrated` by the run policy of a rollback. */
  readonly because?: 'unrouted' | 'ineligible' | 'paused' | 'unbuildable' | 'migrated';
  /** The memory scope that stands for the agent's own in this run: its arm's copy (`forkScope`). Absent: its own. */
  readonly memory?: string;
}

/** The result of an attempt in the form in which it is recorded. */
export interface RecordedResult {
  readonly outcome: TaskOutcome;
  readonly exitCode?: number;
  readonly stdout?: ValueRef;
  readonly outputs: { readonly [name: string]: ValueRef };
  readonly usage?: Usage;
  readonly continueOnOutput?: boolean;
  /** How many memory proposals came with it; they are stored in the same commit. */
  readonly proposals?: number;
  readonly durationMs: number;
}

/** Why a lease ended without a result. */
export type LossReason =
  | 'worker_exited'
  | 'lease_lapsed'
  | 'worker_forgot'
  | 'refused'
  | 'drained'
  /** The agent ended while a message that asks to be read came in: it goes on from its last turn. Charged to nobody. */
  | 'unread_message';

/**
 * One immutable fact of a run's log. `at` is the coordinator's wall clock in ms since the epoch; `v` is the version of the type.
 * A fact has the sequence number of its place in the log, from 1; it is not repeated inside.
 *
 * A released type and version keeps its meaning for ever. Golden logs in `test-data/run-logs` hold every one of them (see `run-logs.test.ts`).
 * A new type, version or optional field needs a log with it; a log that was committed is never written again.
 */
export type RunFact =
  | {
      readonly type: 'run_submitted';
      readonly v: 1;
      readonly at: number;
      readonly dag: string;
      readonly dagDigest: Digest;
      /** Empty when `paramsRef` is set. */
      readonly params: { readonly [name: string]: JsonValue };
      /** Params that are too large for a fact: their canonical JSON in the blob store. */
      readonly paramsRef?: { readonly digest: Digest; readonly bytes: number };
      readonly routingContext: JsonObject;
      /** Higher runs first; default 0. */
      readonly priority: number;
      readonly source: RunSource;
      /** Milliseconds from admission; the smaller of this and the DAG's own holds. */
      readonly timeoutMs?: number;
      /** The input comes from someone who may not write to an agent's memory: its proposals wait for review. */
      readonly untrustedInput?: true;
      /** W3C trace context of whoever asked for the run, where traces are recorded: its span is the parent of the run's. */
      readonly traceparent?: string;
    }
  | {
      readonly type: 'run_admitted';
      readonly v: 1;
      readonly at: number;
      readonly agents: { readonly [agentId: string]: AgentDecision };
      /** Absent when no step of the run is an agent. */
      readonly snapshotDigest?: Digest;
      /** Absent when no step of the tree calls a DAG. */
      readonly calls?: CallTargets;
      /** Revision of each memory scope that the snapshot holds. */
      readonly memory?: { readonly [scope: string]: number };
    }
  /**
   * A rollback with the run policy `migrate`: steps that have not begun use these versions and this snapshot; those in `begun` keep what they
   * began with. Recorded once per run of the tree.
   */
  | {
      readonly type: 'run_migrated';
      readonly v: 1;
      readonly at: number;
      readonly rolloutId: string;
      readonly agentId: string;
      readonly agents: { readonly [agentId: string]: AgentDecision };
      readonly snapshotDigest: Digest;
      readonly memory?: { readonly [scope: string]: number };
      readonly begun: readonly StepPath[];
    }
  /** A result copied from the run that this one retries; the step is settled from the start. */
  | {
      readonly type: 'step_kept';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly result: RecordedResult;
      readonly attempt: number;
      readonly workerId?: WorkerId;
    }
  | {
      readonly type: 'fanout_expanded';
      readonly v: 1;
      readonly at: number;
      readonly step: StepId;
      readonly count: number;
      readonly items: ValueRef;
    }
  | {
      readonly type: 'step_leased';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly workerId: WorkerId;
      readonly sessionId: SessionId;
    }
  | {
      readonly type: 'step_finished';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly workerId: WorkerId;
      readonly startedAt: number;
      readonly result: RecordedResult;
      /** Set when another attempt follows, not before this instant (ms). */
      readonly retryAt?: number;
    }
  /** The lease ended with no result. `started` says whether step code had begun; only then the attempt and the losses count. */
  | {
      readonly type: 'step_lost';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly token: FencingToken;
      readonly reason: LossReason;
      readonly started: boolean;
      /** The worker was lost with other tasks that had started, so that this one is not to blame alone; absent means no. */
      readonly shared?: true;
      /** The worker was taken for gone and may be alive: charged to nobody. A later loss of the step says what became of it, in `late`. */
      readonly suspect?: true;
      /** An earlier loss that was `suspect` is charged with this one, because its worker was gone: it had run the step alone, or others too. */
      readonly late?: 'alone' | 'shared';
      /** Not leased again before this instant (ms); absent means at once. */
      readonly retryAt?: number;
      /** Set when the step is not tried again. */
      readonly error?: ErrorData;
      /** Set when it was given up as a dead letter. */
      readonly deadLetter?: DeadLetterReason;
    }
  /** A durable point of the agent's conversation: the model's answer, before any call with an effect begins. */
  | {
      readonly type: 'turn_planned';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly entry: TurnEntry;
    }
  /** The result of one tool call; it is never executed again. */
  | {
      readonly type: 'tool_done';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly entry: ToolEntry;
    }
  /** The attempt could not go on from its checkpoint: what comes after begins at turn 0. */
  | {
      readonly type: 'agent_restarted';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly entry: RestartEntry;
    }
  /** A message to the agent, or to a `wait` step, is in the mailbox of the step execution. */
  | {
      readonly type: 'message_accepted';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      /** `at` of the message is that of the fact. */
      readonly message: Omit<AgentMessage, 'at'>;
    }
  /** A message ended unread. */
  | {
      readonly type: 'message_ended';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly number: number;
      readonly state: 'expired' | 'rejected' | 'dead_lettered';
      readonly reason: MessageEndReason;
      /** Set when its mailbox goes in the same turn, with its round: what there is to tell of it. */
      readonly message?: AgentMessage;
    }
  /** The agent answered a message. */
  | {
      readonly type: 'message_replied';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly entry: ReplyEntry;
    }
  /** A `wait` or `approval` step began; it holds no slot. */
  | {
      readonly type: 'step_waiting';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly for: WaitsFor;
      readonly until?: number;
      readonly deadline?: number;
      readonly prompt?: string;
    }
  /** A waiting step ended: its time came, a message arrived, a person decided, or its timeout passed. */
  | {
      readonly type: 'step_answered';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly by: string;
      readonly decision: 'time' | 'message' | 'approved' | 'rejected' | 'timed_out';
      /** What the person said about it. */
      readonly reason?: string;
      /** Number of the message that ended it. */
      readonly message?: number;
      readonly result: RecordedResult;
    }
  /** An approval was pushed back: `steps`, those from `to` on down to and with the approval, run again in another round. */
  | {
      readonly type: 'step_pushed_back';
      readonly v: 1;
      readonly at: number;
      readonly step: StepId;
      readonly to: StepId;
      readonly by: string;
      readonly feedback: string;
      readonly round: number;
      readonly steps: readonly StepId[];
    }
  /** The step failed in the coordinator, before any lease: a reference or fan-out list that cannot be resolved. */
  | {
      readonly type: 'step_failed';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly error: ErrorData;
    }
  /** A `call` step, or item, began: this child run exists or will. No lease is held while it runs. */
  | {
      readonly type: 'step_called';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly childRunId: RunId;
      readonly dag: string;
      readonly dagDigest: Digest;
    }
  /** The child run ended; its outputs are the step's. */
  | {
      readonly type: 'step_returned';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly childRunId: RunId;
      readonly result: RecordedResult;
      /** Set when another attempt follows, not before this instant (ms). */
      readonly retryAt?: number;
    }
  /** A worker was given the value of a secret under its lease. The audit record; the value is nowhere (S3). */
  | {
      readonly type: 'secret_released';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly attempt: number;
      readonly token: FencingToken;
      readonly workerId: WorkerId;
      readonly secret: string;
    }
  /** All steps are settled and handlers follow: how the run will end, unless one of them fails. */
  | {
      readonly type: 'run_closing';
      readonly v: 1;
      readonly at: number;
      readonly status: Extract<RunStatus, 'succeeded' | 'failed' | 'cancelled'>;
      readonly partial: boolean;
      readonly error?: ErrorData;
    }
  | {
      readonly type: 'step_skipped';
      readonly v: 1;
      readonly at: number;
      readonly step: StepPath;
      readonly reason: SkipReason;
    }
  | {
      readonly type: 'cancel_requested';
      readonly v: 1;
      readonly at: number;
      readonly by: string;
      readonly reason: 'requested' | 'timeout' | 'rolled_back';
      readonly message?: string;
    }
  | {
      readonly type: 'run_finished';
      readonly v: 1;
      readonly at: number;
      readonly status: Extract<RunStatus, 'succeeded' | 'failed' | 'cancelled'>;
      /** Some step failed under `continue_on`. */
      readonly partial: boolean;
      readonly error?: ErrorData;
    };

/** The types of fact that this version knows; an unknown one means "do not drive this run here". */
export type RunFactType = RunFact['type'];
