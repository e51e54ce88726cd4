import type { JsonSchema, JsonValue, ModelContent } from '@skein/domain';
import type { SecretReader } from './secrets.ts';

/** One tool call of a model's turn. */
export interface ToolCall {
  readonly callId: string;
  readonly tool: string;
  readonly input: JsonValue;
}

/** Transcript messages, provider-neutral and plain JSON. */
export type ModelMessage =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly ToolCall[] }
  | {
      readonly role: 'tool';
      readonly results: readonly {
        readonly callId: string;
        readonly tool: string;
        readonly output: JsonValue;
        readonly isError: boolean;
      }[];
    };

/** A tool as the model sees it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
}

/** One turn to be made. */
export interface TurnRequest {
  readonly model: ModelContent;
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolDefinition[];
  /** For the secret that the model names; without it, a model that names one fails with `unauthenticated`. */
  readonly readSecret?: SecretReader;
  /** Upper bound for this turn's answer, in tokens. */
  readonly maxOutputTokens?: number;
}

/** One finished turn. Token counts are the provider's. */
export interface Turn {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other';
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
}

/**
 * A language model, or the rule-based offline one: one streamed turn per call, no retries of its own.
 * `onText` receives text as it is produced. Throws `unavailable` (with `details.retryAfterMs` when the provider says so),
 * `resource_exhausted` (429), `unauthenticated`, `invalid_argument`, `deadline_exceeded`, `cancelled`.
 */
export interface Model {
  turn(request: TurnRequest, onText: (text: string) => void, signal: AbortSignal): Promise<Turn>;
}
