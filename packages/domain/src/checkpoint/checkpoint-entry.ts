import type { Digest, FencingToken } from '../identity/ids.ts';
import type { ValueRef } from '../run/value-ref.ts';

/**
 * What a tool call may do to the world, as far as it is declared.
 * `read_only` changes nothing. `repeatable` changes only what a checkpoint restores (the working tree, memory proposals, a sub-agent
 * that has checkpoints of its own), or is declared idempotent. `effect`: a repetition may do it twice.
 */
export type ToolCallClass = 'read_only' | 'repeatable' | 'effect';

/** A tool call of a recorded turn. `index` is its place in the turn, from 0. */
export interface PlannedCall {
  readonly index: number;
  readonly callId: string;
  readonly tool: string;
  readonly class: ToolCallClass;
}

/** The files of an attempt's private directory at one moment: digest of its listing in the blob store. */
export interface TreeRef {
  readonly digest: Digest;
  readonly files: number;
  /** Sum of the sizes of its files. */
  readonly bytes: number;
}

/**
 * `thread` names whose conversation an entry belongs to: empty for the step's own agent; for a sub-agent the call that started it,
 * `TURN.INDEX`, after that of its caller and `/`: `2.0`, `2.0/1.3`. `turn` counts from 1 within the thread.
 */
interface EntryPlace {
  readonly thread: string;
  readonly turn: number;
}

/** `turn_planned`: the model has answered, and none of the calls that are not read-only has begun. */
export interface TurnEntry extends EntryPlace {
  readonly type: 'turn';
  /**
   * The turn's part of the transcript, a `TurnDelta`: what was said to the model since the last tool results (the prompt, messages,
   * a repair request) and what it answered. Inline up to 16 KiB of JSON.
   */
  readonly delta: ValueRef;
  readonly finishReason: 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other';
  readonly calls: readonly PlannedCall[];
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number; readonly costUsd?: number };
  /** `provider/model` that answered. */
  readonly model?: string;
  /** Numbers of the messages that were in this turn's request for the first time; with this entry they are consumed (D5). */
  readonly consumed?: readonly number[];
  /** The answer before it did not match the output schema. */
  readonly repair?: true;
}

/** `tool_done`: the result of one call. A recorded result is never executed again. */
export interface ToolEntry extends EntryPlace {
  readonly type: 'tool';
  readonly index: number;
  readonly callId: string;
  readonly tool: string;
  /** The output as the model sees it. Inline up to 16 KiB of JSON. */
  readonly result: ValueRef;
  readonly isError: boolean;
  readonly durationMs: number;
  /** The working tree after the call; absent when it is as the entry before left it. */
  readonly tree?: TreeRef;
  /** The tree changed and was not kept (too large, unreadable): an attempt after this one starts at turn 0. */
  readonly treeLost?: string;
  /** How a call whose outcome was unknown came to its result. */
  readonly settled?: 'reconciled' | 'repeated' | 'told';
}

/** The agent's answer to a message that asked for one. */
export interface ReplyEntry {
  readonly type: 'reply';
  readonly number: number;
  /** At most 16 KiB of UTF-8. */
  readonly text: string;
}

/** The attempt could not go on from the checkpoint and began at turn 0; entries before it are history. */
export interface RestartEntry {
  readonly type: 'restart';
  readonly reason: string;
}

/** One durable point of an agent attempt. */
export type CheckpointEntry = TurnEntry | ToolEntry | ReplyEntry | RestartEntry;

/** Largest JSON of a delta or result that stays in the fact; larger ones go by digest. */
export const maxInlineCheckpointBytes = 16 * 1024;

/** Largest JSON of one entry, in bytes of UTF-8: with its step and lease it is a fact of at most 64 KiB. */
export const maxCheckpointEntryBytes = 60 * 1024;

/** What an attempt goes on from: a document in the blob store, as JSON. Entries since the transcript began, in order. */
export interface ResumePoint {
  readonly format: 1;
  readonly entries: readonly CheckpointEntry[];
}

/** How far the agent of a step execution has come; its entries are the facts at `seqs`. */
export interface AgentProgress {
  /** Log numbers of the entries since the transcript began, in order. */
  seqs: number[];
  /** Turns and tool calls since the transcript began, of all threads. */
  turns: number;
  toolCalls: number;
  inputTokens: number;
  outputTokens: number;
  costUsd?: number;
  /** `THREAD TURN INDEX` of calls that are not read-only and have no result. */
  open: string[];
  /** Length of `seqs` when a worker was lost last; a restart keeps it, so that only an agent that comes further has got on. */
  lostAt?: number;
  /** Token of the attempt that began at turn 0 again, when one did. */
  restartedBy?: FencingToken;
}

/** Idempotency key of a tool call, the same in every attempt: `RUN:STEP:ROUND:[THREAD/]TURN:INDEX` (agents: effects). */
export const toolCallKey = (
  runId: string,
  step: string,
  round: number,
  thread: string,
  turn: number,
  index: number,
): string => `${runId}:${step}:${round}:${thread === '' ? '' : `${thread}/`}${turn}:${index}`;
