import type { ErrorData } from '../errors/domain-error.ts';
import type { FencingToken, RunId, StepPath } from '../identity/ids.ts';
import type { MemoryProposal } from '../memory/memory-proposal.ts';
import type { ValueRef } from '../run/value-ref.ts';

/** What one agent attempt used. Tokens are counted by the provider; an unknown cost is absent, never 0. */
export interface Usage {
  readonly turns: number;
  readonly toolCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly schemaRepairs: number;
  /** Tool calls that ended in an error; absent from workers that do not count them. */
  readonly toolErrors?: number;
  /** Tool calls that its playback did not hold; absent without a playback. */
  readonly divergedCalls?: number;
  readonly costUsd?: number;
  /** `provider/model` that answered. */
  readonly model?: string;
}

/** How an attempt ended. `released` means that no step code ran and the attempt is handed back uncharged (drain, refusal). */
export type TaskOutcome =
  | { readonly status: 'succeeded' }
  | { readonly status: 'failed'; readonly error: ErrorData }
  | { readonly status: 'skipped' }
  | { readonly status: 'cancelled' }
  | { readonly status: 'released'; readonly error?: ErrorData };

/** Name of a task: whose attempt, under which token. Every write by a worker carries all of it (D3). */
export interface TaskRef {
  readonly runId: RunId;
  readonly step: StepPath;
  /** From 1. */
  readonly attempt: number;
  readonly token: FencingToken;
}

/** What a task returned: output or failure. A step's own failure is data, never an exception across a process. */
export interface TaskResult extends TaskRef {
  readonly outcome: TaskOutcome;
  readonly exitCode?: number;
  /** Captured stdout without its last line break; present when the step declares `output` or is a shell kind. */
  readonly stdout?: ValueRef;
  readonly outputs: { readonly [name: string]: ValueRef };
  readonly usage?: Usage;
  /** A failed attempt whose output matched the step's `continue_on.output`. */
  readonly continueOnOutput?: boolean;
  /** What the attempt wants remembered; at most 64 proposals of 8 KiB. */
  readonly proposals?: readonly MemoryProposal[];
  /** Milliseconds from start to end on the worker's monotonic clock; 0 when nothing ran. */
  readonly durationMs: number;
}
