import type { JsonValue, ToolCallClass, TreeRef } from '@skein/domain';
import type { Turn } from '@skein/ports';
import type { AskedReply, UserMessage } from '../turn/turn-delta.ts';

/** A call's result as it was recorded. */
export interface RecordedResult {
  readonly output: JsonValue;
  readonly isError: boolean;
}

/** A turn as an attempt before this one recorded it. */
export interface RecordedTurn {
  readonly said: readonly UserMessage[];
  readonly turn: Turn;
  /** Class of each planned call, by index. */
  readonly classes: ReadonlyMap<number, ToolCallClass>;
  /** By index; a call that is not here has no recorded result. */
  readonly results: ReadonlyMap<number, RecordedResult>;
  readonly isRepair: boolean;
}

/** All that attempts before this one recorded of a transcript. */
export interface History {
  readonly threads: ReadonlyMap<string, readonly RecordedTurn[]>;
  /** Numbers of the messages that recorded turns have read. */
  readonly consumed: ReadonlySet<number>;
  /** Those that ask for an answer and have none. */
  readonly asked: readonly AskedReply[];
  /** The last that was recorded. */
  readonly tree?: TreeRef;
  /** Why there is none that fits the transcript. */
  readonly treeLost?: string;
}

/** That of an attempt at turn 0. */
export const emptyHistory: History = { threads: new Map(), consumed: new Set(), asked: [] };
