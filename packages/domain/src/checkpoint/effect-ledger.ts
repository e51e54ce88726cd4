import type { FencingToken, RunId, StepPath } from '../identity/ids.ts';
import { parseStepPath } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { ValueRef } from '../run/value-ref.ts';
import { toolCallKey } from './checkpoint-entry.ts';
import type { EffectView } from './effect-view.ts';
import { callPlace } from './progress.ts';

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;
type Row = { -readonly [key in keyof EffectView]: EffectView[key] };

/** The calls of one step as far as the log was read. */
interface Ledger {
  round: number;
  /** Rows of the current transcript, by the place of their call. */
  readonly current: Map<string, Row>;
  /** Rows without a result, with the token under which they were planned. */
  planned: { readonly row: Row; readonly token: FencingToken }[];
}

const iso = (at: number): string => new Date(at).toISOString();

/** Inputs by call id, of a turn whose text is in its fact. */
const inputsOf = (delta: ValueRef): ReadonlyMap<string, JsonValue> => {
  const value = 'inline' in delta ? delta.inline : undefined;
  const calls = isObject(value) && Array.isArray(value['toolCalls']) ? value['toolCalls'] : [];
  const inputs = new Map<string, JsonValue>();
  for (const call of calls) {
    if (isObject(call) && typeof call['callId'] === 'string' && call['input'] !== undefined)
      inputs.set(call['callId'], call['input']);
  }
  return inputs;
};

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const planTurn = (runId: RunId, ledger: Ledger, rows: Row[], fact: FactOf<'turn_planned'>): void => {
  const { step, attempt, token, at } = fact;
  const { thread, turn, calls } = fact.entry;
  const { round } = ledger;
  const inputs = inputsOf(fact.entry.delta);
  for (const call of calls) {
    if (call.class === 'read_only') continue;
    const { index, tool, callId } = call;
    const input = inputs.get(callId);
    const key = toolCallKey(runId, step, round, thread, turn, index);
    const place = { key, step, round, attempt, thread, turn, index, tool };
    const row: Row = { ...place, class: call.class, status: 'planned', plannedAt: iso(at) };
    if (input !== undefined) row.input = input;
    rows.push(row);
    ledger.current.set(callPlace(thread, turn, index), row);
    ledger.planned.push({ row, token });
  }
};

const settleCall = (ledger: Ledger, { at, entry }: FactOf<'tool_done'>): void => {
  const row = ledger.current.get(callPlace(entry.thread, entry.turn, entry.index));
  if (row === undefined) return;
  // Told that nobody knows, the agent went on; what happened is as unknown as before.
  row.status = entry.settled === 'told' ? 'unknown' : 'done';
  row.doneAt = iso(at);
  row.isError = entry.isError;
  if (entry.settled !== undefined) row.settled = entry.settled;
  ledger.planned = ledger.planned.filter((each) => each.row !== row);
};

/** The lease that planned these is over, and their results are not recorded. */
const loseCalls = (ledger: Ledger, token: FencingToken): void => {
  for (const { row, token: planner } of ledger.planned) if (planner === token) row.status = 'unknown';
};

/** The effect ledger of a run, in order of planning. `facts` is its log. */
export const effectsOf = (runId: RunId, facts: readonly RunFact[]): readonly EffectView[] => {
  const rows: Row[] = [];
  const ledgers = new Map<StepPath, Ledger>();
  const rounds = new Map<StepPath, number>();
  const ledgerOf = (step: StepPath): Ledger => {
    const round = rounds.get(parseStepPath(step)?.stepId ?? step) ?? 0;
    let ledger = ledgers.get(step);
    if (ledger === undefined || ledger.round !== round) {
      ledger = { round, current: new Map(), planned: [] };
      ledgers.set(step, ledger);
    }
    return ledger;
  };
  for (const fact of facts) {
    switch (fact.type) {
      case 'turn_planned':
        planTurn(runId, ledgerOf(fact.step), rows, fact);
        break;
      case 'tool_done':
        settleCall(ledgerOf(fact.step), fact);
        break;
      case 'step_finished':
      case 'step_lost':
        loseCalls(ledgerOf(fact.step), fact.token);
        break;
      case 'step_pushed_back':
        for (const id of fact.steps) rounds.set(id, (rounds.get(id) ?? 0) + 1);
        break;
      default:
        break;
    }
  }
  return rows;
};
