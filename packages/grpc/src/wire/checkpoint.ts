import type { CheckpointEntry } from '@skein/domain';
import { mailboxLimits, maxCheckpointEntryBytes, utf8Length } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import type { Checkpoint__Output, Checkpoint as WireCheckpoint } from '../generated/skein/worker/v1/Checkpoint.ts';
import type { CheckpointRecorded__Output } from '../generated/skein/worker/v1/CheckpointRecorded.ts';
import type { MessagesPresented__Output } from '../generated/skein/worker/v1/MessagesPresented.ts';
import type { MessagesReceived__Output } from '../generated/skein/worker/v1/MessagesReceived.ts';
import { bad, digestField, integerField, isRecord, jsonField, listField } from './fields.ts';
import { amount, flag, list, maybe, object, oneOf, type Shape, text, whole } from './shape.ts';
import { decodeTaskRef, encodeTaskRef } from './shared-values.ts';

/** Durable points of an attempt, and the acknowledgements of messages, on the wire. */

/** Entries of one message. */
const maxEntries = 1_000;
/** Largest JSON of the entries of one message. */
const maxEntriesBytes = 512 * 1024;
/** Numbers that one message may name. */
const maxNumbers = 1_024;
/** Longest name of a thread, tool, model or call. */
const maxPlaceLength = 1_024;

type Checkpoint = Extract<WorkerMessage, { type: 'checkpoint' }>;

/** The wire form of a checkpoint. */
export const encodeCheckpoint = ({ task, index, entries }: Checkpoint): WireCheckpoint => ({
  task: encodeTaskRef(task),
  index,
  entriesJson: entries.map((entry) => JSON.stringify(entry)),
});

/** A checkpoint as a peer sent it. */
export const decodeCheckpoint = (wire: Checkpoint__Output): Checkpoint => {
  const texts = wire.entriesJson;
  if (texts.length === 0 || texts.length > maxEntries)
    throw bad('checkpoint.entries_json', `1 to ${maxEntries} entries`);
  let total = 0;
  for (const entry of texts) {
    const bytes = utf8Length(entry);
    total += bytes;
    if (bytes > maxCheckpointEntryBytes || total > maxEntriesBytes)
      throw bad('checkpoint.entries_json', 'entries of at most 60 KiB each and 512 KiB together');
  }
  return {
    type: 'checkpoint',
    task: decodeTaskRef(wire.task, 'checkpoint.task'),
    index: integerField(wire.index, 'checkpoint.index'),
    entries: texts.map(decodeEntry),
  };
};

const short: Shape = (value) => typeof value === 'string' && value.length <= maxPlaceLength;
const from1: Shape = (value) => whole(value) && (value as number) >= 1;
const digest: Shape = (value) => {
  try {
    return digestField(value, '') !== '';
  } catch {
    return false;
  }
};
const valueRef: Shape = (value) =>
  isRecord(value) && (Object.hasOwn(value, 'inline') || (digest(value['digest']) && whole(value['bytes'])));

const entryShapes: { readonly [type in CheckpointEntry['type']]: Shape } = {
  turn: object({
    thread: short,
    turn: from1,
    delta: valueRef,
    finishReason: oneOf('stop', 'tool_calls', 'length', 'content_filter', 'other'),
    calls: list(
      object({ index: whole, callId: short, tool: short, class: oneOf('read_only', 'repeatable', 'effect') }),
    ),
    usage: object({ inputTokens: amount, outputTokens: amount, costUsd: maybe(amount) }),
    model: maybe(short),
    consumed: maybe(list(from1)),
    repair: maybe(oneOf(true)),
  }),
  tool: object({
    thread: short,
    turn: from1,
    index: whole,
    callId: short,
    tool: short,
    result: valueRef,
    isError: flag,
    durationMs: amount,
    tree: maybe(object({ digest, files: whole, bytes: whole })),
    treeLost: maybe(text),
    settled: maybe(oneOf('reconciled', 'repeated', 'told')),
  }),
  reply: object({
    number: from1,
    text: (value) => typeof value === 'string' && utf8Length(value) <= mailboxLimits.maxTextBytes,
  }),
  restart: object({ reason: text }),
};

const decodeEntry = (json: string): CheckpointEntry => {
  const entry = jsonField(json, 'checkpoint.entries_json');
  const type = isRecord(entry) ? entry['type'] : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(entryShapes, type))
    throw bad('checkpoint.entries_json', 'an entry of a known type');
  if (!entryShapes[type as CheckpointEntry['type']](entry)) throw bad('checkpoint.entries_json', `a ${type} entry`);
  return entry as unknown as CheckpointEntry;
};

/** A coordinator's answer to a checkpoint. */
export const decodeCheckpointRecorded = (
  wire: CheckpointRecorded__Output,
): Extract<CoordinatorMessage, { type: 'checkpoint_recorded' }> => ({
  type: 'checkpoint_recorded',
  task: decodeTaskRef(wire.task, 'checkpoint_recorded.task'),
  count: integerField(wire.count, 'checkpoint_recorded.count'),
});

const numbersField = (value: unknown, field: string): number[] => {
  if (!Array.isArray(value) || value.length > maxNumbers) throw bad(field, `at most ${maxNumbers} numbers`);
  return listField(value, field, (item) => integerField(item, field, 1));
};

/** Which messages a worker has. */
export const decodeMessagesReceived = (
  wire: MessagesReceived__Output,
): Extract<WorkerMessage, { type: 'messages_received' }> => ({
  type: 'messages_received',
  task: decodeTaskRef(wire.task, 'messages_received.task'),
  numbers: numbersField(wire.numbers, 'messages_received.numbers'),
});

/** Which messages were in a request to the model. */
export const decodeMessagesPresented = (
  wire: MessagesPresented__Output,
): Extract<WorkerMessage, { type: 'messages_presented' }> => ({
  type: 'messages_presented',
  task: decodeTaskRef(wire.task, 'messages_presented.task'),
  numbers: numbersField(wire.numbers, 'messages_presented.numbers'),
  turn: integerField(wire.turn, 'messages_presented.turn', 1),
});
