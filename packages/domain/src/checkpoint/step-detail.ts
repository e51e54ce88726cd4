import { DomainError } from '../errors/domain-error.ts';
import type { FencingToken, StepPath } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import { beginsAnew } from '../run/begins-anew.ts';
import { findTarget } from '../run/create-run-state.ts';
import type { LossReason, RunFact } from '../run/run-fact.ts';
import type { RunState } from '../run/run-state.ts';
import type { ValueRef } from '../run/value-ref.ts';
import type { AttemptView, StepDetail, ToolCallView, TurnView } from './effect-view.ts';

/** The value behind a reference, loaded before; undefined leaves it out. */
export type BodyReader = (ref: ValueRef) => JsonValue | undefined;

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;
type Writable<T> = { -readonly [key in keyof T]: T[key] };
type Call = Writable<ToolCallView>;
type Turn = Omit<Writable<TurnView>, 'calls'> & { readonly calls: Call[]; readonly token: FencingToken };

/** A step's log as far as it was read. */
interface Reading {
  readonly attempts: Writable<AttemptView>[];
  readonly turns: Turn[];
  /** Turns from which an attempt may go on. */
  current: Turn[];
  round: number;
  /** Ids of the round's messages by number. */
  messages: Map<number, string>;
}

/** To hand a task back, or to go on for a message, is no loss. */
const lossOf = (reason: LossReason): string =>
  reason === 'drained' || reason === 'refused' || reason === 'unread_message'
    ? `handed back: ${reason}`
    : `lost: ${reason}`;

const iso = (at: number): string => new Date(at).toISOString();

const field = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined;

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);

const onLeased = (reading: Reading, fact: FactOf<'step_leased'>, token: FencingToken): void => {
  const { attempt, workerId, at } = fact;
  const { round } = reading;
  const last = reading.current.findLast(({ thread }) => thread === '');
  const view = { attempt, round, token, workerId, leasedAt: iso(at), outcome: 'running' };
  reading.attempts.push(last === undefined ? view : { ...view, resumedAtTurn: last.turn });
};

const endAttempt = (reading: Reading, token: FencingToken, at: number, outcome: string): void => {
  const attempt = reading.attempts.findLast((each) => each.token === token);
  if (attempt !== undefined) Object.assign(attempt, { endedAt: iso(at), outcome });
  for (const turn of reading.current) {
    if (turn.token !== token) continue;
    for (const call of turn.calls) if (call.status === 'planned') call.status = 'unknown';
  }
};

const dropTurns = (reading: Reading): void => {
  for (const turn of reading.current) turn.dropped = true;
  reading.current = [];
};

const onTurn = (reading: Reading, fact: FactOf<'turn_planned'>, body: BodyReader | undefined): void => {
  const { thread, turn, calls, usage, finishReason, model, consumed = [], delta } = fact.entry;
  const said = body?.(delta);
  const inputs = list(field(said, 'toolCalls'));
  const { attempt, token, at } = fact;
  const text = field(said, 'text');
  const view: Turn = {
    thread,
    turn,
    attempt,
    round: reading.round,
    at: iso(at),
    ...(model === undefined ? {} : { model }),
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    ...(usage.costUsd === undefined ? {} : { costUsd: usage.costUsd }),
    finishReason,
    calls: calls.map((call): Call => {
      const input = field(
        inputs.find((each) => field(each, 'callId') === call.callId),
        'input',
      );
      const { index, callId, tool } = call;
      const planned: Call = { index, callId, tool, class: call.class, status: 'planned' };
      return input === undefined ? planned : { ...planned, input };
    }),
    messages: consumed.flatMap((number) => reading.messages.get(number) ?? []),
    ...(said === undefined ? {} : { said: list(field(said, 'said')) }),
    ...(typeof text === 'string' ? { text } : {}),
    token,
  };
  reading.turns.push(view);
  reading.current.push(view);
};

const onTool = (reading: Reading, { entry }: FactOf<'tool_done'>, body: BodyReader | undefined): void => {
  const turn = reading.current.find((each) => each.thread === entry.thread && each.turn === entry.turn);
  const call = turn?.calls.find(({ index }) => index === entry.index);
  if (call === undefined) return;
  const output = body?.(entry.result);
  call.status = entry.settled === 'told' ? 'unknown' : 'done';
  call.isError = entry.isError;
  call.durationMs = entry.durationMs;
  if (entry.settled !== undefined) call.settled = entry.settled;
  if (output !== undefined) call.output = output;
};

const onPushedBack = (reading: Reading): void => {
  reading.current = [];
  reading.round += 1;
  reading.messages = new Map();
};

const read = (reading: Reading, fact: RunFact, seq: number, body: BodyReader | undefined): void => {
  switch (fact.type) {
    case 'step_leased':
      return onLeased(reading, fact, seq);
    case 'step_finished':
      endAttempt(reading, fact.token, fact.at, fact.result.outcome.status);
      if (beginsAnew(fact)) dropTurns(reading);
      return;
    case 'step_lost':
      return endAttempt(reading, fact.token, fact.at, lossOf(fact.reason));
    case 'turn_planned':
      return onTurn(reading, fact, body);
    case 'tool_done':
      return onTool(reading, fact, body);
    case 'agent_restarted':
      delete reading.attempts.findLast(({ token }) => token === fact.token)?.resumedAtTurn;
      return dropTurns(reading);
    case 'message_accepted':
      reading.messages.set(fact.message.number, fact.message.messageId);
      return;
    default:
      return;
  }
};

const totalsOf = (turns: readonly Turn[]): StepDetail['totals'] => {
  let [toolCalls, inputTokens, outputTokens] = [0, 0, 0];
  let costUsd: number | undefined;
  for (const turn of turns) {
    toolCalls += turn.calls.filter(({ durationMs }) => durationMs !== undefined).length;
    inputTokens += turn.inputTokens;
    outputTokens += turn.outputTokens;
    if (turn.costUsd !== undefined) costUsd = (costUsd ?? 0) + turn.costUsd;
  }
  const totals = { turns: turns.length, toolCalls, inputTokens, outputTokens };
  return costUsd === undefined ? totals : { ...totals, costUsd };
};

/**
 * What the log says of one agent step. `facts` is the whole log of the run from its first fact; with `body` the texts, inputs and outputs
 * are in it. Totals count dropped turns too: they were paid for. Throws `not_found` when the run has no such step.
 */
export const stepDetailOf = (
  state: RunState,
  step: StepPath,
  facts: readonly RunFact[],
  body?: BodyReader,
): StepDetail => {
  const found = findTarget(state, step);
  if (found === undefined) throw new DomainError('not_found', `there is no step ${step}`, { step });
  const reading: Reading = { attempts: [], turns: [], current: [], round: 0, messages: new Map() };
  facts.forEach((fact, place) => {
    if (fact.type === 'step_pushed_back') {
      if (fact.steps.includes(found.step.path)) onPushedBack(reading);
    } else if ('step' in fact && fact.step === step) read(reading, fact, place + 1, body);
  });
  return {
    runId: state.runId,
    step,
    status: found.target.status,
    attempts: reading.attempts,
    turns: reading.turns.map(({ token: _token, ...turn }) => turn),
    totals: totalsOf(reading.turns),
  };
};
