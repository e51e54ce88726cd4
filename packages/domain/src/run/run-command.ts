import type { ErrorData } from '../errors/domain-error.ts';
import type { Digest, FencingToken, RunId, SessionId, StepId, StepPath, WorkerId } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { TaskResult } from '../task/task-result.ts';
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
      readonly kept?: readonly KeptStep[];
    }
  | {
      readonly type: 'admit';
      readonly agents: { readonly [agentId: string]: AgentDecision };
      readonly snapshotDigest?: Digest;
      readonly calls?: CallTargets;
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
    }
  | { readonly type: 'fail_step'; readonly step: StepPath; readonly error: ErrorData }
  /** The precondition of a `call` step, or item, is not met; workers say so of other kinds by their result. */
  | { readonly type: 'skip_step'; readonly step: StepPath }
  | {
      readonly type: 'cancel';
      readonly by: string;
      readonly reason: 'requested' | 'timeout';
      readonly message?: string;
    }
  /** Admission failed for good (an agent is missing): the run ends `failed` with this error. */
  | { readonly type: 'reject'; readonly error: ErrorData };
