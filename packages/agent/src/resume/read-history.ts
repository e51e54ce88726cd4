// A document to go on from may be of another version, damaged, or made up: nothing of it is believed before it fits together.
import type { CheckpointEntry, JsonValue, ToolEntry, TreeRef, TurnEntry, ValueRef } from '@skein/domain';
import { type AskedReply, parseTurnDelta, type TurnDelta } from '../turn/turn-delta.ts';
import type { History, RecordedResult, RecordedTurn } from './history.ts';
import { misfit, parseEntry } from './parse-entry.ts';

/** More than a log holds of one transcript. */
const maxEntries = 100_000;
const loadsAtOnce = 16;

/** The history that a document tells. Throws `data_corrupt` when it does not fit together, and what `load` throws. */
export const readHistory = async (document: unknown, load: (ref: ValueRef) => Promise<JsonValue>): Promise<History> => {
  const { format, entries } = (document ?? {}) as { readonly format?: unknown; readonly entries?: unknown };
  if (format !== 1) throw misfit('its format is unknown');
  if (!Array.isArray(entries)) throw misfit('it has no entries');
  if (entries.length > maxEntries) throw misfit('it has too many entries');
  const parsed = entries.map(parseEntry);
  const current = parsed.slice(parsed.findLastIndex((entry) => entry.type === 'restart') + 1);
  const bodies: JsonValue[] = [];
  for (let at = 0; at < current.length; at += loadsAtOnce) {
    bodies.push(...(await Promise.all(current.slice(at, at + loadsAtOnce).map((entry) => bodyOf(entry, load)))));
  }
  return build(current, bodies);
};

const bodyOf = async (entry: CheckpointEntry, load: (ref: ValueRef) => Promise<JsonValue>): Promise<JsonValue> => {
  if (entry.type === 'turn') return await load(entry.delta);
  return entry.type === 'tool' ? await load(entry.result) : null;
};

interface TurnUnderWay extends RecordedTurn {
  readonly entry: TurnEntry;
  readonly results: Map<number, RecordedResult>;
}

interface Building {
  readonly threads: Map<string, TurnUnderWay[]>;
  readonly consumed: Set<number>;
  asked: readonly AskedReply[];
  tree?: TreeRef;
  treeLost?: string;
}

const build = (entries: readonly CheckpointEntry[], bodies: readonly JsonValue[]): History => {
  const history: Building = { threads: new Map(), consumed: new Set(), asked: [] };
  for (const [at, entry] of entries.entries()) {
    const body = bodies[at] ?? null;
    if (entry.type === 'turn') addTurn(history, entry, body);
    if (entry.type === 'tool') addTool(history, entry, body);
    if (entry.type === 'reply') history.asked = history.asked.filter(({ number }) => number !== entry.number);
  }
  return history;
};

const addTurn = (history: Building, entry: TurnEntry, body: JsonValue): void => {
  const { threads, consumed } = history;
  const turns = threads.get(entry.thread) ?? [];
  const before = turns.at(-1);
  if (entry.turn !== turns.length + 1) throw misfit('a turn is missing or out of order');
  if (
    before?.turn.toolCalls.some(({ tool }, index) => isCarriedOut(before, tool, index) && !before.results.has(index))
  ) {
    throw misfit('a tool result is missing');
  }
  if (entry.thread !== '' && !isOpenDelegation(history, entry.thread)) throw misfit('a sub-agent has no caller');
  const delta = parseTurnDelta(body);
  if (delta === undefined) throw misfit('a turn says nothing');
  if (turns.length === 0 && delta.said.length === 0) throw misfit('a transcript begins without a prompt');
  checkCalls(entry, delta);
  turns.push({
    entry,
    said: delta.said,
    turn: { text: delta.text, toolCalls: delta.toolCalls, finishReason: entry.finishReason, usage: entry.usage },
    classes: new Map(entry.calls.map((call) => [call.index, call.class])),
    results: new Map(),
    isRepair: entry.repair === true,
  });
  threads.set(entry.thread, turns);
  for (const number of entry.consumed ?? []) {
    if (consumed.has(number)) throw misfit('a message was read twice');
    consumed.add(number);
  }
  history.asked = [...history.asked, ...(delta.asked ?? [])];
};

/** Each call is planned, in order; only the answer is none that is carried out. */
const checkCalls = ({ calls }: TurnEntry, { toolCalls }: TurnDelta): void => {
  let last = -1;
  for (const { index, callId, tool } of calls) {
    const call = toolCalls[index];
    if (index <= last || call === undefined) throw misfit('the calls of a turn are out of order');
    if (call.callId !== callId || call.tool !== tool) throw misfit('a call is not the one that was planned');
    last = index;
  }
  // A turn that met a limit plans none.
  const planned = new Set(calls.map(({ index }) => index));
  if (planned.size > 0 && toolCalls.some(({ tool }, index) => tool !== 'output' && !planned.has(index))) {
    throw misfit('a call was not planned');
  }
};

const isCarriedOut = ({ classes }: RecordedTurn, tool: string, index: number): boolean =>
  tool !== 'output' || classes.has(index);

const isOpenDelegation = ({ threads }: Building, thread: string): boolean => {
  const cut = thread.lastIndexOf('/');
  const caller = cut < 0 ? '' : thread.slice(0, cut);
  const [turn, index] = thread
    .slice(cut + 1)
    .split('.')
    .map(Number);
  const turns = threads.get(caller) ?? [];
  const last = turns.at(-1);
  if (last === undefined || turns.length !== turn || index === undefined || last.results.has(index)) return false;
  return last.entry.calls.some((call) => call.index === index && call.tool === 'delegate');
};

const addTool = (history: Building, entry: ToolEntry, body: JsonValue): void => {
  const turns = history.threads.get(entry.thread) ?? [];
  const last = turns.at(-1);
  const planned = last?.entry.calls.find((call) => call.index === entry.index);
  if (last === undefined || entry.turn !== turns.length || planned === undefined) throw misfit('a result has no call');
  if (planned.callId !== entry.callId || planned.tool !== entry.tool) throw misfit('a result is that of another call');
  if (last.results.has(entry.index)) throw misfit('a call has two results');
  last.results.set(entry.index, { output: body, isError: entry.isError });
  if (entry.treeLost !== undefined) history.treeLost = entry.treeLost;
  if (entry.tree === undefined) return;
  history.tree = entry.tree;
  delete history.treeLost;
};
