import { dagOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep, startAgent, turnOf } from '../../test/agent-run.ts';
import { failed } from '../../test/driven-run.ts';
import type { AckKind, MessageState, RunFact, TaskDeliveryState } from '../index.ts';
import {
  ackTransition,
  deliveryRecords,
  deliveryTransitions,
  moveDelivery,
  nackTransition,
  taskDeliveryState,
} from '../index.ts';

describe('the state machine of delivery', () => {
  it('moves along its table only; anything else throws illegal_transition', () => {
    expect(moveDelivery('message', 'accepted', 'consumed')).toBe('consumed');
    expect(moveDelivery('task', 'leased', 'acknowledged')).toBe('acknowledged');
    for (const [from, to] of [
      ['expired', 'accepted'],
      ['rejected', 'consumed'],
      ['dead_lettered', 'accepted'],
      ['consumed', 'consumed'],
      ['consumed', 'expired'],
      ['accepted', 'replied'],
    ] as const) {
      expect(() => moveDelivery('message', from, to)).toThrow(
        expect.objectContaining({ code: 'illegal_transition', details: { kind: 'message', from, to } }),
      );
    }
    expect(() => moveDelivery('task', 'succeeded', 'running')).toThrow(
      expect.objectContaining({ code: 'illegal_transition' }),
    );
  });

  it('leaves what expired, was rejected or superseded for good, and a message that was given up', () => {
    const terminal = (table: { readonly [from: string]: readonly string[] }) =>
      Object.keys(table).filter((from) => table[from]?.length === 0);
    expect(terminal(deliveryTransitions.task)).toEqual(['expired', 'rejected', 'superseded']);
    expect(terminal(deliveryTransitions.message)).toEqual(['expired', 'rejected', 'dead_lettered']);
  });

  it('lets every state be reached', () => {
    const tables: readonly { readonly [from: string]: readonly string[] }[] = Object.values(deliveryTransitions);
    for (const table of tables) {
      const reached = new Set(Object.values(table).flat());
      const starts = Object.keys(table).filter((state) => !reached.has(state));
      expect(starts.every((state) => state === 'scheduled' || state === 'accepted')).toBe(true);
    }
  });

  it('gives each acknowledgement a transition of its own: only the durable turn makes a message consumed', () => {
    const kinds: readonly AckKind[] = [
      'stored',
      'received',
      'started',
      'progress',
      'presented',
      'completed',
      'injected_verified',
      'injected_unverified',
    ];
    for (const ack of kinds) expect(ackTransition('message', ack)).not.toBe('consumed' satisfies MessageState);
    expect(ackTransition('message', 'consumed')).toBe('consumed');
    expect(ackTransition('message', 'injected_unverified')).toBe('delivered');
    expect(ackTransition('task', 'received')).toBe('acknowledged' satisfies TaskDeliveryState);
    expect(ackTransition('task', 'progress')).toBeUndefined();
    expect([nackTransition('task', 'nack'), nackTransition('task', 'extend')]).toEqual(['ready', undefined]);
    expect(nackTransition('message', 'reject')).toBe('rejected');
  });
});

describe('the delivery state of a task', () => {
  it('follows its step, with what the worker said of it in between', () => {
    const run = startAgent(dagOf([agentStep('a'), agentStep('b', { depends: ['a'] })]));
    const seen = [taskDeliveryState(run.target('b'))];
    const note = (hints = {}) => seen.push(taskDeliveryState(run.target('a'), hints));
    note({ recipientAbsent: true });
    note();
    run.lease('a');
    note();
    note({ received: true });
    run.record('a', [turnOf(1)]);
    note({ received: true });
    run.lose('a');
    run.lease('a');
    run.lose('a');
    run.lease('a');
    run.lose('a', { random: 1 });
    note();
    run.lease('a', 3_000);
    run.lose('a', {}, 3_000);
    note();
    expect(seen).toEqual([
      'scheduled',
      'awaiting_recipient',
      'ready',
      'leased',
      'acknowledged',
      'running',
      'retry_scheduled',
      'dead_lettered',
    ]);
  });
});

/** The records of what `act` and the plans after it write, as they are made after the facts were applied. */
const recordsOf = (run: ReturnType<typeof startAgent>, act: () => unknown, now = 1_000) => {
  const from = run.log.length;
  act();
  run.settle(now);
  return deliveryRecords(run.state, run.log.slice(from));
};

describe('the records of a turn', () => {
  it('hold a dead letter and an event for a task that is poison, with its counters and losses', () => {
    const run = startAgent();
    run.lease('a');
    run.lose('a', { started: false, reason: 'lease_lapsed' }, 1_100);
    for (const at of [1_200, 1_300]) {
      run.lease('a', at);
      run.lose('a', { shared: at === 1_200 ? true : undefined } as never, at);
    }
    run.lease('a', 1_400);
    run.lose('a', {}, 1_400);
    const token = run.lease('a', 1_500);
    const { deadLetters, events } = recordsOf(run, () => run.lose('a', {}, 1_500), 1_500);
    expect(deadLetters).toEqual([
      {
        id: `dl:run_1:a:${token}`,
        tenant: 'default',
        kind: 'task',
        runId: 'run_1',
        step: 'a',
        dag: 'sample',
        reason: 'poison',
        transportAttempts: 0,
        executionAttempts: 4,
        applicationFailures: 0,
        at: 1_500,
        error: run.target('a').error,
        history: [
          { at: 1_100, what: 'lease_lapsed before it started', workerId: 'wrk_1' },
          { at: 1_200, what: 'worker_exited, with other tasks', workerId: 'wrk_1' },
          { at: 1_300, what: 'worker_exited', workerId: 'wrk_1' },
          { at: 1_400, what: 'worker_exited', workerId: 'wrk_1' },
          { at: 1_500, what: 'worker_exited', workerId: 'wrk_1' },
        ],
        status: 'open',
      },
    ]);
    expect(events).toEqual([
      {
        tenant: 'default',
        kind: 'dead_lettered',
        at: 1_500,
        itemId: `dl:run_1:a:${token}`,
        runId: 'run_1',
        step: 'a',
        reason: 'poison',
        attempts: 4,
        ageMs: 500,
      },
    ]);
  });

  it('hold one event per message that ended, and a dead letter with the text of each that asked to be read', () => {
    const run = startAgent();
    run.send('a', 'm1', {}, 1_000, 30);
    run.send('a', 'm2', {}, 1_010);
    run.send('a', 'm3', { requireAck: true }, 1_020);
    expect(recordsOf(run, () => undefined, 1_030)).toMatchObject({
      deadLetters: [],
      events: [{ kind: 'expired', itemId: 'm1', reason: 'ttl_expired', ageMs: 30 }],
    });
    run.lease('a', 1_040);
    const { deadLetters, events } = recordsOf(run, () => run.finish('a', failed, 1_050), 1_050);
    expect(events.map(({ kind, itemId, reason, ageMs }) => [kind, itemId, reason, ageMs])).toEqual([
      ['rejected', 'm2', 'step_finished', 40],
      ['dead_lettered', 'm3', 'recipient_gone', 30],
    ]);
    expect(deadLetters).toMatchObject([
      {
        id: 'dl:m3:run_1:a:3',
        kind: 'message',
        messageId: 'm3',
        reason: 'recipient_gone',
        body: 'text of m3',
        history: [
          { at: 1_020, what: 'accepted from ann' },
          { at: 1_050, what: 'step_finished' },
        ],
      },
    ]);
  });

  it('say how often a message was read in vain', () => {
    const retryPolicy = { limit: 9, intervalMs: 1, backoff: 1, exitCodes: [] };
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.send('a', 'm1');
    const fail = (now: number) => {
      run.lease('a', now);
      run.record('a', [turnOf(1, [], { consumed: [1] })], now);
      return recordsOf(run, () => run.finish('a', failed, now), now);
    };
    for (const now of [2_000, 3_000, 4_000, 5_000, 6_000]) expect(fail(now).events).toEqual([]);
    const { deadLetters, events } = fail(7_000);
    expect(events).toMatchObject([{ kind: 'dead_lettered', reason: 'too_many_presentations', attempts: 6 }]);
    expect(deadLetters[0]).toMatchObject({ executionAttempts: 6, applicationFailures: 6 });
    expect(deadLetters[0]?.history).toHaveLength(8);
  });

  it('know a message whose mailbox went with its round', () => {
    const approval = {
      ...agentStep('ok', { depends: ['a'] }),
      action: { kind: 'approval', prompt: '?', input: [] },
    } as const;
    const run = startAgent(dagOf([agentStep('a'), agentStep('w', { depends: ['a'] }), approval]));
    run.lease('a');
    run.finish('a');
    run.act({ type: 'wait', step: 'ok', for: 'approval', prompt: '?' });
    run.lease('w');
    run.lose('w');
    run.send('w', 'm1', { requireAck: true });
    const pushBack = { type: 'push_back', step: 'ok', to: 'a', by: 'bob', feedback: 'again' } as const;
    const first = recordsOf(run, () => run.act(pushBack));
    expect(first.deadLetters).toMatchObject([{ id: 'dl:m1:run_1:w:1', body: 'text of m1' }]);
    expect(first.events).toMatchObject([{ kind: 'dead_lettered', itemId: 'm1' }]);
    run.send('w', 'm1', { requireAck: true });
    const end = { type: 'cancel', by: 'x', reason: 'requested' } as const;
    expect(recordsOf(run, () => run.act(end)).deadLetters).toMatchObject([{ id: 'dl:m1:run_1:w:1:1' }]);
  });

  it('are none for facts that end nothing', () => {
    const run = startAgent();
    run.lease('a');
    run.send('a', 'm1');
    run.record('a', [turnOf(1, [], { consumed: [1] })]);
    run.lose('a');
    run.lease('a');
    run.finish('a');
    const facts: readonly RunFact[] = run.log;
    expect(deliveryRecords(run.state, facts)).toEqual({ deadLetters: [], events: [] });
  });
});
