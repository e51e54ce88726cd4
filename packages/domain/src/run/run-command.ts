import type { CheckpointEntry } from '../checkpoint/checkpoint-entry.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import type { Digest, FencingToken, RunId, SessionId, StepId, StepPath, WorkerId } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { AgentMessage } from '../message/agent-message.ts';
import type { TaskResult } from '../task/task-result.ts';
import type { ApprovalDecision, WaitsFor } from '../wait/wait-state.ts';
import type { AgentDecision, CallTargets, LossReason, RecordedResult, RunSource } from './run-fact.ts';
import type { ValueRef } from './value-ref.ts';

/** A step result that a retry run takes over from the run that it retries. */
export interface KeptStep {
  readonly step: StepPath;
  readonly result: RecordedResult;
  readonly attempt: number;
  readonly workerId?: WorkerId;
  /** Set on the fan-out step itself: its items. */
  readonly expanded?: { readonly count: number; readonly items: ValueRef };
}

/** What may be asked of a run. `decide` answers with facts, or with a typed error that changes nothing. */
export type RunCommand =
  | {
      readonly type: 'submit';
      readonly dagDigest: Digest;
      /** Empty when `paramsRef` is set. */
      readonly params: { readonly [name: string]: JsonValue };
      readonly paramsRef?: { readonly digest: Digest; readonly bytes: number };
      readonly routingContext: JsonObject;
      readonly priority: number;
      readonly source: RunSource;
      readonly timeoutMs?: number;
      readonly untrustedInput?: true;
      /** See `run_submitted`. */
      readonly traceparent?: string;
      readonly kept?: readonly KeptStep[];
    }
  | {
      readonly type: 'admit';
      readonly agents: { readonly [agentId: string]: AgentDecision };
      readonly snapshotDigest?: Digest;
      readonly calls?: CallTargets;
      readonly memory?: { readonly [scope: string]: number };
    }
  /** See `run_migrated`. Changes nothing in a run that is over, or was migrated for this rollout before. */
  | {
      readonly type: 'migrate';
      readonly rolloutId: string;
      readonly agentId: string;
      readonly agents: { readonly [agentId: string]: AgentDecision };
      readonly snapshotDigest: Digest;
      readonly memory?: { readonly [scope: string]: number };
    }
  /** Begins a `call` step or item; `childRunId` is fresh. */
  | {
      readonly type: 'call';
      readonly step: StepPath;
      readonly childRunId: RunId;
      readonly dag: string;
      readonly dagDigest: Digest;
    }
  /** The child run ended. A repetition, or a child of an earlier attempt, changes nothing. */
  | { readonly type: 'return'; readonly step: StepPath; readonly childRunId: RunId; readonly result: RecordedResult }
  /** A worker asks for a secret; refused with `stale_fencing_token` unless it holds the lease under this token. */
  | {
      readonly type: 'release_secret';
      readonly step: StepPath;
      readonly token: FencingToken;
      readonly workerId: WorkerId;
      readonly secret: string;
    }
  | { readonly type: 'expand'; readonly step: StepId; readonly count: number; readonly items: ValueRef }
  | { readonly type: 'lease'; readonly step: StepPath; readonly workerId: WorkerId; readonly sessionId: SessionId }
  | { readonly type: 'finish'; readonly workerId: WorkerId; readonly result: TaskResult }
  | {
      readonly type: 'lose';
      readonly step: StepPath;
      readonly token: FencingToken;
      readonly reason: LossReason;
      readonly started: boolean;
      /** See `step_lost`. */
      readonly shared?: true;
      readonly suspect?: true;
      readonly late?: 'alone' | 'shared';
      /** 0 to 1, for the full jitter of the delay before the next lease; absent: at once. */
      readonly random?: number;
    }
  /**
   * Durable points of an agent attempt. `index` is how many entries of this transcript the worker knows to be recorded before these:
   * entries that are recorded already (a repetition after a lost answer) change nothing. Refused with `stale_fencing_token` unless the
   * worker holds the lease.
   */
  | {
      readonly type: 'checkpoint';
      readonly step: StepPath;
      readonly token: FencingToken;
      readonly workerId: WorkerId;
      readonly index: number;
      readonly entries: readonly CheckpointEntry[];
    }
  /**
   * A message for a step. The same id with the same text again changes nothing, unless it was given up as a dead letter: then it is
   * taken once more, if the step still takes messages. Another text: `already_exists`. Refused with `not_found` (step),
   * `illegal_transition` (a step that is settled, or whose kind takes no messages), `mailbox_full`, `too_large`.
   */
  | {
      readonly type: 'send_message';
      readonly step: StepPath;
      readonly message: Omit<AgentMessage, 'number' | 'at' | 'expiresAt'>;
      readonly ttlMs?: number;
    }
  /** Begins a `wait` or `approval` step whose turn has come; `deadline` comes from the step's timeout. */
  | {
      readonly type: 'wait';
      readonly step: StepPath;
      readonly for: WaitsFor;
      readonly until?: number;
      readonly prompt?: string;
    }
  /** A person's word. `inputs` are checked against the approval's typed input. Refused with `illegal_transition` when the step does not wait for it. */
  | {
      readonly type: 'answer';
      readonly step: StepPath;
      readonly by: string;
      readonly decision: ApprovalDecision;
      readonly inputs?: { readonly [name: string]: JsonValue };
      readonly reason?: string;
      /** The round that the person saw; refused with `illegal_transition` when it is another one by now. Absent: any. */
      readonly round?: number;
    }
  /** Runs the steps from `to` (an ancestor; the approval's `rewind` when absent) down to the waiting approval again, with what to do better. */
  | {
      readonly type: 'push_back';
      readonly step: StepId;
      readonly to?: StepId;
      readonly by: string;
      readonly feedback: string;
      /** See `answer`. */
      readonly round?: number;
    }
  | { readonly type: 'fail_step'; readonly step: StepPath; readonly error: ErrorData }
  /** The precondition of a `call` step, or item, is not met; workers say so of other kinds by their result. */
  | { readonly type: 'skip_step'; readonly step: StepPath }
  | {
      readonly type: 'cancel';
      readonly by: string;
      readonly reason: 'requested' | 'timeout' | 'rolled_back';
      readonly message?: string;
    }
  /** Admission failed for good (an agent is missing): the run ends `failed` with this error. */
  | { readonly type: 'reject'; readonly error: ErrorData };
