import type { JsonValue } from '../json/json-value.ts';
import type { ToolCallClass } from './checkpoint-entry.ts';

/**
 * What is known of a tool call that is not read-only. `planned`: it may be running now. `unknown`: its attempt was lost between plan and
 * result. `done`: the result is recorded.
 */
export type EffectStatus = 'planned' | 'done' | 'unknown';

/** One line of a run's effect ledger. Instants are ISO 8601. */
export interface EffectView {
  /** Idempotency key that the target was given. */
  readonly key: string;
  readonly step: string;
  readonly round: number;
  readonly attempt: number;
  readonly thread: string;
  readonly turn: number;
  readonly index: number;
  readonly tool: string;
  /** What the tool was called with; absent when the turn is too long to be in its fact. */
  readonly input?: JsonValue;
  readonly class: Exclude<ToolCallClass, 'read_only'>;
  readonly status: EffectStatus;
  readonly plannedAt: string;
  readonly doneAt?: string;
  readonly isError?: boolean;
  readonly settled?: 'reconciled' | 'repeated' | 'told';
}

/** One attempt of a step in `StepDetail`. */
export interface AttemptView {
  readonly attempt: number;
  readonly round: number;
  readonly token: number;
  readonly workerId: string;
  readonly leasedAt: string;
  readonly endedAt?: string;
  /** Status of its result, or `lost` with the reason, or `running`. */
  readonly outcome: string;
  /** Turn from which it went on; absent when it began at turn 0. */
  readonly resumedAtTurn?: number;
}

/** One tool call in `StepDetail`. */
export interface ToolCallView {
  readonly index: number;
  readonly callId: string;
  readonly tool: string;
  readonly class: ToolCallClass;
  readonly status: EffectStatus;
  readonly isError?: boolean;
  readonly durationMs?: number;
  readonly settled?: 'reconciled' | 'repeated' | 'told';
  readonly input?: unknown;
  readonly output?: unknown;
}

/** One turn in `StepDetail`. */
export interface TurnView {
  readonly thread: string;
  readonly turn: number;
  readonly attempt: number;
  readonly round: number;
  readonly at: string;
  readonly model?: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd?: number;
  readonly finishReason: string;
  readonly calls: readonly ToolCallView[];
  /** Ids of the messages that it consumed. */
  readonly messages: readonly string[];
  /** An attempt that did not go on from here: the turn is history and not part of the committed transcript. */
  readonly dropped?: true;
  /** With the transcript asked for: what was said to the model before this turn, and its answer. */
  readonly said?: readonly unknown[];
  readonly text?: string;
}

/** Everything that the log says of one agent step: attempts, turns, tool calls, tokens and cost, in log order. */
export interface StepDetail {
  readonly runId: string;
  readonly step: string;
  readonly status: string;
  readonly attempts: readonly AttemptView[];
  readonly turns: readonly TurnView[];
  readonly totals: {
    readonly turns: number;
    readonly toolCalls: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly costUsd?: number;
  };
}
