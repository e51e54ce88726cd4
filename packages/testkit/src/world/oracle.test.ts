import type { DeadLetter, NumberedDeliveryEvent, RunFact, TurnEntry } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { dagOf, stepOf } from '../fixtures/dag-fixtures.ts';
import { assertNoDroppedDeliveries, assertNoLost } from './assert-deliveries.ts';
import { assertNoDuplicateEffects } from './assert-effects.ts';
import { assertFenced } from './assert-fenced.ts';
import { assertConsumedOnce, assertOrderPerKey } from './assert-messages.ts';
import { assertEventsReplayToState } from './assert-replay.ts';
import type { History } from './history.ts';
import { factOfEvent } from './history.ts';
import type { SideEffect } from './side-effects.ts';

const at = Date.UTC(2026, 0, 1);
const dag = dagOf(
  [
    stepOf('a', {
      action: { kind: 'agent', agent: 'scout', prompt: '', limits: {}, memory: { read: false, propose: false } },
    }),
  ],
  { name: 'one' },
);

const submitted: RunFact = {
  type: 'run_submitted',
  v: 1,
  at,
  dag: 'one',
  dagDigest: 'sha256:d',
  params: {},
  routingContext: {},
  priority: 0,
  source: { kind: 'api' },
};
const admitted: RunFact = { type: 'run_admitted', v: 1, at, agents: {} };
const leased: RunFact = { type: 'step_leased', v: 1, at, step: 'a', attempt: 1, workerId: 'w1', sessionId: 's' };
const lost: RunFact = { type: 'step_lost', v: 1, at, step: 'a', token: 3, reason: 'lease_lapsed', started: true };
const accepted = (number: number): RunFact => ({
  type: 'message_accepted',
  v: 1,
  at,
  step: 'a',
  message: { messageId: `m${number}`, number, sender: 'ada', mode: 'next_turn', text: `text ${number}` },
});
const turn = (token: number, entry: Partial<TurnEntry> & { readonly turn: number }): RunFact => ({
  type: 'turn_planned',
  v: 1,
  at,
  step: 'a',
  attempt: 1,
  token,
  entry: {
    type: 'turn',
    thread: '',
    delta: { inline: {} },
    finishReason: 'stop',
    calls: [],
    usage: { inputTokens: 1, outputTokens: 1 },
    ...entry,
  },
});
const bash = { index: 0, callId: 'c', tool: 'bash', class: 'effect' } as const;
const tool = (token: number): RunFact => ({
  type: 'tool_done',
  v: 1,
  at,
  step: 'a',
  attempt: 1,
  token,
  entry: {
    type: 'tool',
    thread: '',
    turn: 1,
    index: 0,
    callId: 'c',
    tool: 'bash',
    result: { inline: 'ok' },
    isError: false,
    durationMs: 1,
  },
});
const finished = (token: number): RunFact => ({
  type: 'step_finished',
  v: 1,
  at,
  step: 'a',
  attempt: 1,
  token,
  workerId: 'w1',
  startedAt: at,
  result: { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 },
});
const over: RunFact = { type: 'run_finished', v: 1, at, status: 'succeeded', partial: false };
const ended: RunFact = {
  type: 'message_ended',
  v: 1,
  at,
  step: 'a',
  number: 1,
  state: 'expired',
  reason: 'ttl_expired',
};
const event = (changes: Partial<NumberedDeliveryEvent> = {}): NumberedDeliveryEvent => ({
  seq: 1,
  tenant: 'default',
  kind: 'expired',
  at,
  itemId: 'm1',
  runId: 'r',
  step: 'a',
  reason: 'ttl_expired',
  ...changes,
});

/** One run with these facts between its admission and its end, and what else is told of it. */
const historyOf = (facts: readonly RunFact[], changes: Partial<History> = {}): History => ({
  runs: [{ runId: 'r', facts: [submitted, admitted, ...facts, over], dag }],
  accepted: [{ runId: 'r' }],
  acceptedMessages: [],
  events: [],
  deadLetters: [],
  effects: [],
  ...changes,
});

const effect = (changes: Partial<SideEffect> = {}): SideEffect => ({
  kind: 'tool',
  runId: 'r',
  step: 'a',
  token: 3,
  tool: 'bash',
  key: 'r:a:0:1:0',
  turn: 1,
  index: 0,
  isEffect: true,
  ...changes,
});

const plain = [leased, turn(3, { turn: 1 }), finished(3)];
const called = [leased, turn(3, { turn: 1, calls: [bash] }), tool(3), turn(3, { turn: 2 }), finished(3)];

test('every helper lets a sound history pass', () => {
  const history = historyOf([leased, accepted(1), turn(3, { turn: 1, consumed: [1] }), finished(3)], {
    acceptedMessages: [{ runId: 'r', step: 'a', messageId: 'm1' }],
    effects: [effect()],
  });
  for (const check of [
    assertNoLost,
    assertNoDuplicateEffects,
    assertNoDroppedDeliveries,
    assertFenced,
    assertOrderPerKey,
    assertConsumedOnce,
    assertEventsReplayToState,
  ])
    expect(() => check(history)).not.toThrow();
});

describe('assertNoLost', () => {
  test('misses a run that was accepted', () => {
    expect(() => assertNoLost(historyOf(plain, { accepted: [{ runId: 'x' }] }))).toThrow('accepted run x is lost');
  });
  test('sees a second end', () => {
    expect(() => assertNoLost(historyOf([...plain, over]))).toThrow('has 2 ends');
  });
  test('misses a message that was accepted, and one that never ended', () => {
    const acceptedMessages = [{ runId: 'r', step: 'a', messageId: 'm1' }];
    expect(() => assertNoLost(historyOf(plain, { acceptedMessages }))).toThrow('in the log 0 times');
    expect(() => assertNoLost(historyOf([leased, accepted(1), finished(3)]))).toThrow('message 1 has no end');
  });
});

describe('assertNoDuplicateEffects', () => {
  test('sees an effect that was committed twice, and not one that only a fenced attempt added', () => {
    expect(() => assertNoDuplicateEffects(historyOf(plain, { effects: [effect(), effect()] }))).toThrow(
      'committed twice',
    );
    const effects = [effect(), effect({ fenced: true })];
    expect(() => assertNoDuplicateEffects(historyOf(plain, { effects }))).not.toThrow();
  });
  test('sees a recorded call that is executed again, and a recorded turn that is paid again', () => {
    const facts = [leased, turn(3, { turn: 1, calls: [bash] }), tool(3), lost, leased, finished(7)];
    const again = { token: 7, isEffect: false };
    expect(() => assertNoDuplicateEffects(historyOf(facts, { effects: [effect(again)] }))).toThrow('executed again');
    expect(() =>
      assertNoDuplicateEffects(historyOf(facts, { effects: [effect({ ...again, kind: 'model' })] })),
    ).toThrow('asked again');
    expect(() =>
      assertNoDuplicateEffects(historyOf(facts, { effects: [effect({ ...again, kind: 'model', turn: 2 })] })),
    ).not.toThrow();
  });
});

describe('assertNoDroppedDeliveries', () => {
  const facts = [leased, accepted(1), ended, turn(3, { turn: 1 }), finished(3)];
  test('lets one event per ended message pass', () => {
    expect(() => assertNoDroppedDeliveries(historyOf(facts, { events: [event()] }))).not.toThrow();
  });
  test('misses an event, sees one too many, and one without a fact', () => {
    expect(() => assertNoDroppedDeliveries(historyOf(facts))).toThrow('0 events for 1 ends');
    expect(() => assertNoDroppedDeliveries(historyOf(facts, { events: [event(), event({ seq: 2 })] }))).toThrow(
      '2 events for 1 ends',
    );
    expect(() => assertNoDroppedDeliveries(historyOf(plain, { events: [event()] }))).toThrow('no log tells');
  });
  test('sees a hole in the stream', () => {
    expect(() => assertNoDroppedDeliveries(historyOf(facts, { events: [event({ seq: 2 })] }))).toThrow(
      'delivery event 2 follows 0',
    );
  });
  test('sees a dead letter of nothing', () => {
    const letter = { id: 'dl:r:a:3' } as DeadLetter;
    expect(() => assertNoDroppedDeliveries(historyOf(plain, { deadLetters: [letter] }))).toThrow('1 dead letters');
  });
});

describe('assertFenced', () => {
  test('sees results, losses and durable points under a token that is not current', () => {
    expect(() => assertFenced(historyOf([leased, finished(2)]))).toThrow('does not hold the current lease');
    expect(() => assertFenced(historyOf([leased, { ...lost, token: 2 } as RunFact, finished(3)]))).toThrow('lost at');
    expect(() => assertFenced(historyOf([leased, turn(2, { turn: 1 }), finished(3)]))).toThrow('turn_planned at 4');
  });
  test('sees a step that is settled twice, leased twice, or left leased', () => {
    expect(() => assertFenced(historyOf([...plain, leased]))).toThrow('although it is settled');
    expect(() => assertFenced(historyOf([leased, leased, finished(4)]))).toThrow('although it is leased');
    expect(() => assertFenced(historyOf([leased]))).toThrow('live leases');
  });
});

describe('assertOrderPerKey', () => {
  test('sees a turn that is missing and a call without a result', () => {
    expect(() => assertOrderPerKey(historyOf(called))).not.toThrow();
    expect(() => assertOrderPerKey(historyOf(called.filter((fact) => fact.type !== 'tool_done')))).toThrow(
      '1 calls have no result',
    );
    expect(() => assertOrderPerKey(historyOf([leased, turn(3, { turn: 2 }), finished(3)]))).toThrow('follows turn 0');
    expect(() => assertOrderPerKey(historyOf([leased, tool(3), finished(3)]))).toThrow('of no open call');
  });
  test('sees messages that are read in another order than they were sent', () => {
    const read = (first: number, second: number) =>
      historyOf([
        leased,
        accepted(1),
        accepted(2),
        turn(3, { turn: 1, consumed: [first] }),
        turn(3, { turn: 2, consumed: [second] }),
        finished(3),
      ]);
    expect(() => assertOrderPerKey(read(1, 2))).not.toThrow();
    expect(() => assertOrderPerKey(read(2, 1))).toThrow('message 1 was read after 2');
  });
});

describe('assertConsumedOnce', () => {
  test('sees a message that is read twice, and one that is read after it expired', () => {
    const twice = [leased, accepted(1), turn(3, { turn: 1, consumed: [1] }), turn(3, { turn: 2, consumed: [1] })];
    expect(() => assertConsumedOnce(historyOf([...twice, finished(3)]))).toThrow('ended 2 times');
    const late = [leased, accepted(1), ended, turn(3, { turn: 1, consumed: [1] }), finished(3)];
    expect(() => assertConsumedOnce(historyOf(late))).toThrow('expired, consumed');
  });
  test('allows that a transcript which was dropped had read it too', () => {
    const restart: RunFact = {
      type: 'agent_restarted',
      v: 1,
      at,
      step: 'a',
      attempt: 1,
      token: 3,
      entry: { type: 'restart', reason: 'the tree is gone' },
    };
    const facts = [leased, accepted(1), turn(3, { turn: 1, consumed: [1] }), restart];
    expect(() =>
      assertConsumedOnce(historyOf([...facts, turn(3, { turn: 1, consumed: [1] }), finished(3)])),
    ).not.toThrow();
  });
});

describe('assertEventsReplayToState', () => {
  test('sees a list that says something else than the log', () => {
    const [run] = historyOf(plain).runs;
    const doctored = { ...historyOf(plain), runs: [{ ...run!, head: { status: 'failed', seq: 6 } }] };
    expect(() => assertEventsReplayToState(doctored)).toThrow('the list says failed at 6, the log succeeded at 6');
  });
});

test('facts can be read back from the events of a run', () => {
  const { type, v: _v, at: instant, ...data } = leased;
  expect(factOfEvent({ type, at: new Date(instant).toISOString(), data })).toEqual(leased);
});
