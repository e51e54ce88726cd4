import type { ErrorData } from '../errors/domain-error.ts';
import type { Digest, RunId, StepPath, VersionId, WorkerId } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { Usage } from '../task/task-result.ts';
import type { RunStatus, SkipReason, StepStatus, WaitReason } from './run-status.ts';

/** One step in the machine-readable run. Instants are ISO 8601. Large output values appear as `{ "digest", "bytes" }` unless asked for. */
export interface StepView {
  readonly id: StepPath;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly workerId?: WorkerId;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly durationMs?: number;
  readonly exitCode?: number;
  readonly outputs: JsonObject;
  readonly error?: ErrorData;
  readonly usage?: Usage;
  readonly skipReason?: SkipReason;
  readonly waitReason?: WaitReason;
  /** The run that a `call` step started last. */
  readonly childRunId?: RunId;
  /** Set from the second round on, after a push-back. */
  readonly round?: number;
  /** What a waiting step waits for. */
  readonly wait?: {
    readonly for: string;
    readonly until?: string;
    readonly deadline?: string;
    readonly prompt?: string;
  };
  /** How a `wait` or `approval` ended, and by whom. */
  readonly answer?: { readonly decision: string; readonly by: string; readonly reason?: string; readonly at: string };
  /** Why it was given up as a dead letter. */
  readonly deadLetter?: string;
  /** Lost executions and unreceived offers; absent when 0. */
  readonly losses?: { readonly execution: number; readonly transport: number };
  /** How far its agent has come; absent when nothing is recorded. */
  readonly progress?: { readonly turns: number; readonly toolCalls: number };
  readonly unreadMessages?: number;
  /** For a fan-out: how many items are in each status. */
  readonly items?: { readonly count: number } & { readonly [status in StepStatus]?: number };
}

/** The machine-readable run. */
export interface RunView {
  readonly runId: RunId;
  readonly dag: string;
  readonly dagDigest: Digest;
  readonly status: RunStatus;
  readonly params: { readonly [name: string]: JsonValue };
  readonly routingContext: JsonObject;
  readonly retryOf?: RunId;
  readonly parentRunId?: RunId;
  readonly rootRunId?: RunId;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly snapshotDigest?: Digest;
  readonly agents: {
    readonly [agentId: string]: {
      readonly versionId: VersionId;
      readonly source: string;
      readonly rolloutId?: string;
      /** Revision of the rollout that decided, index of its arm, and the unit's position in [0, 2^32). */
      readonly revision?: number;
      readonly arm?: number;
      readonly position?: number;
      readonly because?: string;
    };
  };
  readonly steps: readonly StepView[];
  /** Handlers that began or were passed over; absent when the DAG has none. */
  readonly handlers?: readonly StepView[];
  /** The last push-back: to which step, by whom, with which words. */
  readonly feedback?: { readonly round: number; readonly to: StepPath; readonly by: string; readonly text: string };
  /** Revision of each memory scope that the run sees. */
  readonly memory?: { readonly [scope: string]: number };
  /** Name and digest of every DAG of the run's tree; absent when it calls none. */
  readonly dags?: { readonly [name: string]: Digest };
  readonly partial: boolean;
  readonly error?: ErrorData;
  readonly waitReason?: WaitReason;
}
