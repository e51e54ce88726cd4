// The durable record of an attempt.
// J1 Entries become durable in the order in which they happened; what cannot be recorded ends the attempt, whatever catches the failure.
// J2 Nothing that is not read-only begins before its turn, and the results before it, are durable.
// J3 A secret is in no entry.
import {
  type CheckpointEntry,
  DomainError,
  isDomainError,
  type JsonValue,
  type PlannedCall,
  type ToolCallClass,
  type ToolEntry,
  type TreeRef,
  toolCallKey,
  type Usage,
  utf8Length,
} from '@skein/domain';
import type { Checkpoints, ExecutionContext, Log, ToolCall, Turn } from '@skein/ports';
import type { History, RecordedTurn } from '../resume/history.ts';
import { cleanJson } from '../turn/clean-json.ts';
import type { AskedReply, TurnDelta, UserMessage } from '../turn/turn-delta.ts';
import { untilAborted } from '../turn/until-aborted.ts';

/** A call at its place in a turn. */
export interface PlacedCall extends ToolCall {
  readonly index: number;
  readonly class: ToolCallClass;
}

/** A turn that the model has answered. */
export interface AnsweredTurn {
  readonly number: number;
  readonly said: readonly UserMessage[];
  readonly turn: Turn;
  /** Those that will be carried out. */
  readonly calls: readonly PlacedCall[];
  readonly usage: Usage;
  readonly isRepair: boolean;
  readonly consumed: readonly number[];
  readonly asked: readonly AskedReply[];
}

/** The result of one call. */
export interface DoneCall {
  readonly turn: number;
  readonly call: PlacedCall;
  readonly output: JsonValue;
  readonly isError: boolean;
  readonly durationMs: number;
  readonly settled?: NonNullable<ToolEntry['settled']>;
}

/** The record of one conversation. */
export interface Journal {
  /** What an attempt before this one recorded. */
  recorded(turn: number): RecordedTurn | undefined;
  /** Durable with the next `flush`. */
  answered(turn: AnsweredTurn): Promise<void>;
  /** Durable with the next `flush`, with the working tree as it is now. */
  done(done: DoneCall, signal: AbortSignal): Promise<void>;
  replied(number: number, text: string): void;
  /** Resolves when all until now is durable. */
  flush(): Promise<void>;
  /** Idempotency key of a call, the same in every attempt. */
  keyOf(turn: number, index: number): string;
  /** The record of the sub-agent that a call starts. */
  inner(turn: number, index: number): Journal;
  /** Throws what ended the attempt. */
  throwIfOver(): void;
  /** Ends the attempt, also where failures of a sub-agent are observations. */
  end(error: DomainError): never;
}

/** Entries of one message, in characters of JSON; far below the bytes that it may have. */
const maxMessageLength = 128 * 1024;
/** Planned calls of one turn, in bytes of JSON: they stay in the entry, beside what a delta may have there. */
const maxPlannedBytes = 24 * 1024;
/** Of a name that a model made up. */
const maxNameLength = 200;

/** What a journal works with. */
export interface JournalDeps {
  readonly context: ExecutionContext;
  readonly checkpoints: Checkpoints;
  readonly history: History;
  readonly log: Log;
  /** Of the attempt: who waits for a durable point waits no longer than this. */
  readonly signal: AbortSignal;
}

/** The journal of the step's own agent. */
export const createJournal = (deps: JournalDeps): Journal => {
  const { context, checkpoints, history, signal: attemptSignal } = deps;
  const { offer, redact } = context;
  let pending: CheckpointEntry[] = [];
  let over: { readonly cause: unknown } | undefined;
  const trees = createTreeKeeper(deps);

  const throwIfOver = () => {
    if (over !== undefined) throw over.cause;
  };
  const orEnd = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await untilAborted(work, attemptSignal);
    } catch (cause) {
      over ??= { cause }; // J1
      throw cause;
    }
  };
  const keep = (value: JsonValue) => orEnd(checkpoints.keep(value));
  const flush = async () => {
    throwIfOver();
    const messages = inMessages(pending);
    pending = [];
    // All are handed over at once, in order: what comes after them on the stream comes after all of them.
    await orEnd(Promise.all(messages.map((entries) => checkpoints.record(entries))));
  };

  const of = (thread: string): Journal => ({
    recorded: (turn) => history.threads.get(thread)?.[turn - 1],
    answered: async ({ number, said, turn, calls, usage, isRepair, consumed, asked }) => {
      const { text, toolCalls, finishReason } = turn;
      const plain: TurnDelta = { said, text, toolCalls, ...(asked.length === 0 ? {} : { asked }) };
      const delta = redact(cleanJson(named(plain) as unknown as JsonValue)) as unknown as TurnDelta; // J3
      const planned = calls.map(({ index, class: kind }): PlannedCall => {
        const { callId, tool } = delta.toolCalls[index] as ToolCall;
        return { index, callId, tool, class: kind };
      });
      if (utf8Length(JSON.stringify(planned)) > maxPlannedBytes) {
        over = {
          cause: new DomainError('unprocessable', 'the model asked for more calls in one turn than can be recorded'),
        };
        throwIfOver();
      }
      const { inputTokens, outputTokens, costUsd, model } = usage;
      pending.push({
        type: 'turn',
        thread,
        turn: number,
        delta: await keep(delta as unknown as JsonValue),
        finishReason,
        calls: planned,
        usage: { inputTokens, outputTokens, ...(costUsd === undefined ? {} : { costUsd }) },
        ...(model === undefined ? {} : { model }),
        ...(consumed.length === 0 ? {} : { consumed }),
        ...(isRepair ? { repair: true as const } : {}),
      });
    },
    done: async ({ turn, call, output, isError, durationMs, settled }, signal) => {
      const { callId, tool } = redact(cleanJson(nameOf(call))) as { callId: string; tool: string };
      const tree = mayChangeTree(call) ? await trees.after(signal) : {};
      signal.throwIfAborted();
      const entry = { type: 'tool' as const, thread, turn, index: call.index, callId, tool };
      const result = await keep(output);
      pending.push({ ...entry, result, isError, durationMs, ...tree, ...(settled === undefined ? {} : { settled }) });
    },
    replied: (number, text) => void pending.push({ type: 'reply', number, text }),
    flush,
    keyOf: (turn, index) => toolCallKey(offer.runId, offer.step, offer.round ?? 0, thread, turn, index),
    inner: (turn, index) => of(`${thread === '' ? '' : `${thread}/`}${turn}.${index}`),
    throwIfOver,
    end: (error) => {
      over ??= { cause: error };
      throw over.cause;
    },
  });
  return of('');
};

/** A name goes into the plan, which stays in the fact. */
const named = (delta: TurnDelta): TurnDelta => ({
  ...delta,
  toolCalls: delta.toolCalls.map((call) => ({ ...call, ...nameOf(call) })),
});

const nameOf = ({ callId, tool }: ToolCall) => ({
  callId: callId.slice(0, maxNameLength),
  tool: tool.slice(0, maxNameLength),
});

const mayChangeTree = (call: PlacedCall): boolean =>
  call.class !== 'read_only' && call.tool !== 'remember' && call.tool !== 'reply';

const inMessages = (entries: readonly CheckpointEntry[]): readonly (readonly CheckpointEntry[])[] => {
  const messages: CheckpointEntry[][] = [];
  let length = 0;
  for (const entry of entries) {
    const added = JSON.stringify(entry).length;
    const last = messages.at(-1);
    if (last === undefined || length + added > maxMessageLength) {
      messages.push([entry]);
      length = added;
    } else {
      last.push(entry);
      length += added;
    }
  }
  return messages;
};

const createTreeKeeper = ({ context: { workTree }, history, log }: JournalDeps) => {
  let last: TreeRef | undefined = history.tree;
  let isLost = false;
  return {
    /** A tree that cannot be kept is no failure of the step; an attempt after this one will begin at turn 0. */
    after: async (signal: AbortSignal): Promise<Pick<ToolEntry, 'tree' | 'treeLost'>> => {
      if (workTree === undefined) return { treeLost: 'this worker keeps no trees' };
      try {
        const tree = await workTree.capture(signal);
        const found = tree ?? (isLost ? last : undefined);
        last = tree ?? last;
        isLost = false;
        return found === undefined ? {} : { tree: found };
      } catch (thrown) {
        signal.throwIfAborted();
        isLost = true;
        if (!isDomainError(thrown)) log.error('the working tree could not be kept', { cause: String(thrown) });
        return {
          treeLost: isDomainError(thrown) ? `${thrown.code}: ${thrown.message}`.slice(0, 1_000) : 'internal error',
        };
      }
    },
  };
};
