import { dagOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep, effectCall, resultOf, startAgent, turnOf } from '../../test/agent-run.ts';
import { failed } from '../../test/driven-run.ts';
import type { JsonValue, PlannedCall, TaskOutcome, ValueRef } from '../index.ts';
import { effectsOf, messageViewsOf, stepDetailOf } from '../index.ts';

const retryPolicy = { limit: 3, intervalMs: 1, backoff: 1, exitCodes: [] };
/** The outcome of an attempt after which the next one goes on from the last turn. */
const away: TaskOutcome = { status: 'failed', error: { code: 'unavailable', message: 'the provider is away' } };
const read: PlannedCall = { index: 1, callId: 'c1', tool: 'read', class: 'read_only' };
const write: PlannedCall = { index: 2, callId: 'c2', tool: 'write', class: 'repeatable' };

describe('the effect ledger', () => {
  it('lists every call that is not read-only, planned, then done', () => {
    const run = startAgent();
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0), read, write])], 1_010);
    const rows = () => effectsOf('run_1', run.log);
    expect(rows()).toEqual([
      {
        key: 'run_1:a:0:1:0',
        step: 'a',
        round: 0,
        attempt: 1,
        thread: '',
        turn: 1,
        index: 0,
        tool: 'bash',
        class: 'effect',
        status: 'planned',
        plannedAt: new Date(1_010).toISOString(),
      },
      expect.objectContaining({ key: 'run_1:a:0:1:2', class: 'repeatable', status: 'planned' }),
    ]);
    run.record('a', [resultOf(1, 0, { isError: true })], 1_020);
    expect(rows()[0]).toMatchObject({ status: 'done', doneAt: new Date(1_020).toISOString(), isError: true });
  });

  it('knows no outcome once the lease that planned a call ended without its result, until the next attempt settles it', () => {
    const run = startAgent();
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0), effectCall(1)])]);
    const status = () => effectsOf('run_1', run.log).map((row) => [row.status, row.settled]);
    run.lose('a');
    expect(status()).toEqual([
      ['unknown', undefined],
      ['unknown', undefined],
    ]);
    run.lease('a');
    run.record('a', [resultOf(1, 0, { settled: 'reconciled' }), resultOf(1, 1, { settled: 'told', isError: true })]);
    expect(status()).toEqual([
      ['done', 'reconciled'],
      ['unknown', 'told'],
    ]);
    run.lose('a');
    expect(status()).toEqual([
      ['done', 'reconciled'],
      ['unknown', 'told'],
    ]);
  });

  it('keeps what a dropped transcript did, under the key that the call has again', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)])]);
    run.finish('a', failed);
    run.lease('a', 2_000);
    run.record('a', [turnOf(1, [effectCall(0)]), resultOf(1, 0)], 2_000);
    expect(effectsOf('run_1', run.log).map(({ key, attempt, status }) => [key, attempt, status])).toEqual([
      ['run_1:a:0:1:0', 1, 'unknown'],
      ['run_1:a:0:1:0', 2, 'done'],
    ]);
  });
});

describe('the effect ledger says of a call', () => {
  it('what the tool was called with, when its turn is in the fact', () => {
    const run = startAgent();
    run.lease('a');
    const toolCalls = [{ callId: 'c0', tool: 'bash', input: { command: 'send' } }];
    const big = { digest: `sha256:${'0'.repeat(64)}`, bytes: 20_000 };
    run.record('a', [{ ...turnOf(1, [effectCall(0)]), delta: { inline: { said: [], text: '', toolCalls } } }]);
    run.record('a', [resultOf(1, 0), { ...turnOf(2, [effectCall(0)]), delta: big }]);
    const [first] = run.log.flatMap((fact) => (fact.type === 'turn_planned' ? fact.entry.calls : []));
    expect(first?.callId).toBe('c0');
    expect(effectsOf('run_1', run.log).map(({ input }) => input)).toEqual([{ command: 'send' }, undefined]);
  });
});

describe('the detail of a step', () => {
  it('has lost attempts, where the next one went on, the turns and the totals', () => {
    const run = startAgent();
    run.send('a', 'm1');
    const first = run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0), read], { consumed: [1] }), resultOf(1, 1, { tool: 'read' })]);
    run.lose('a', { reason: 'lease_lapsed' }, 1_010);
    const second = run.lease('a', 1_020);
    run.record('a', [resultOf(1, 0, { settled: 'reconciled' }), turnOf(2)], 1_030);
    run.finish('a', { status: 'succeeded' }, 1_040);
    run.settle();
    const detail = stepDetailOf(run.state, 'a', run.log);
    expect(detail).toMatchObject({ runId: 'run_1', step: 'a', status: 'succeeded' });
    expect(detail.attempts).toEqual([
      {
        attempt: 1,
        round: 0,
        token: first,
        workerId: 'wrk_1',
        leasedAt: new Date(1_000).toISOString(),
        endedAt: new Date(1_010).toISOString(),
        outcome: 'lost: lease_lapsed',
      },
      {
        attempt: 2,
        round: 0,
        token: second,
        workerId: 'wrk_1',
        leasedAt: new Date(1_020).toISOString(),
        endedAt: new Date(1_040).toISOString(),
        outcome: 'succeeded',
        resumedAtTurn: 1,
      },
    ]);
    expect(detail.turns).toMatchObject([
      {
        turn: 1,
        attempt: 1,
        messages: ['m1'],
        calls: [
          { index: 0, status: 'done', settled: 'reconciled' },
          { index: 1, status: 'done' },
        ],
      },
      { turn: 2, attempt: 2, calls: [] },
    ]);
    expect(detail.turns[0]).not.toHaveProperty('text');
    expect(detail.totals).toEqual({ turns: 2, toolCalls: 2, inputTokens: 20, outputTokens: 4, costUsd: 0.5 });
  });

  it('marks turns that no attempt went on from, and counts what they cost', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)])]);
    run.lose('a');
    run.lease('a');
    run.record('a', [{ type: 'restart', reason: 'no tree' }, turnOf(1)]);
    run.finish('a', failed);
    run.lease('a', 2_000);
    run.record('a', [turnOf(1)], 2_000);
    const { attempts, turns, totals } = stepDetailOf(run.state, 'a', run.log);
    expect(turns.map(({ attempt, dropped }) => [attempt, dropped])).toEqual([
      [1, true],
      [2, true],
      [3, undefined],
    ]);
    expect(turns[0]?.calls[0]?.status).toBe('unknown');
    expect(attempts.map(({ outcome, resumedAtTurn }) => [outcome, resumedAtTurn])).toEqual([
      ['lost: worker_exited', undefined],
      ['failed', undefined],
      ['running', undefined],
    ]);
    expect(totals).toMatchObject({ turns: 3, toolCalls: 0, costUsd: 0.75 });
  });

  it('goes on from the last turn after something was away', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)])]);
    run.finish('a', away);
    run.lease('a', 2_000);
    run.record('a', [resultOf(1, 0), turnOf(2)], 2_000);
    const { attempts, turns } = stepDetailOf(run.state, 'a', run.log);
    expect(attempts[1]).toMatchObject({ outcome: 'running', resumedAtTurn: 1 });
    expect(turns.map(({ dropped }) => dropped)).toEqual([undefined, undefined]);
    expect(turns[0]?.calls[0]?.status).toBe('done');
  });

  it('has texts, inputs and outputs when they are given', () => {
    const run = startAgent();
    run.lease('a');
    const delta: ValueRef = { digest: 'sha256:d', bytes: 20_000 };
    run.record('a', [turnOf(1, [effectCall(0)], { delta }), resultOf(1, 0, { result: { inline: { exit: 0 } } })]);
    const stored: JsonValue = {
      said: [{ role: 'user', content: 'hello' }],
      text: 'I will look',
      toolCalls: [{ callId: 'c0', tool: 'bash', input: { command: 'ls' } }],
    };
    const body = (ref: ValueRef) => ('inline' in ref ? ref.inline : stored);
    expect(stepDetailOf(run.state, 'a', run.log, body).turns).toMatchObject([
      {
        said: [{ role: 'user', content: 'hello' }],
        text: 'I will look',
        calls: [{ input: { command: 'ls' }, output: { exit: 0 } }],
      },
    ]);
    expect(() => stepDetailOf(run.state, 'x', run.log)).toThrow(expect.objectContaining({ code: 'not_found' }));
  });
});

describe('the messages of a step', () => {
  it('are as the mailbox of the state has them, whatever happened', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.send('a', 'm1', { wantsReply: true });
    run.send('a', 'm2', {}, 1_000, 5);
    run.send('a', 'm3', { requireAck: true });
    run.send('a', 'm4');
    run.settle(1_005);
    run.lease('a', 1_010);
    run.record('a', [turnOf(1, [], { consumed: [1, 3] }), { type: 'reply', number: 1, text: 'yes' }], 1_010);
    const states = () => messageViewsOf('run_1', 'a', run.log).map(({ state, turn }) => [state, turn]);
    const check = () => expect(states().map(([state]) => state)).toEqual(run.states('a'));
    check();
    expect(states()).toEqual([
      ['replied', 1],
      ['expired', undefined],
      ['consumed', 1],
      ['accepted', undefined],
    ]);
    run.finish('a', failed, 1_020);
    check();
    run.lease('a', 2_000);
    run.record('a', [turnOf(1, [], { consumed: [1] })], 2_000);
    run.finish('a', failed, 2_000);
    run.act({ type: 'fail_step', step: 'a', error: { code: 'internal', message: 'no' } }, 2_000);
    run.settle(2_000);
    check();
    expect(messageViewsOf('run_1', 'a', run.log)[0]).toMatchObject({
      messageId: 'm1',
      runId: 'run_1',
      round: 0,
      state: 'rejected',
      reply: { text: 'yes', at: new Date(1_010).toISOString() },
    });
  });

  it('stay read when the attempt after an outage goes on from the turn that read them', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.send('a', 'm1');
    run.lease('a');
    run.record('a', [turnOf(1, [], { consumed: [1] })]);
    run.finish('a', away);
    run.lease('a', 2_000);
    run.record('a', [turnOf(2)], 2_000);
    run.finish('a', { status: 'succeeded' }, 2_000);
    expect(run.states('a')).toEqual(['consumed']);
    expect(messageViewsOf('run_1', 'a', run.log)).toMatchObject([{ messageId: 'm1', state: 'consumed', turn: 1 }]);
  });

  it('are delivered and presented as workers said, as long as nothing durable says more', () => {
    const run = startAgent();
    run.lease('a');
    for (const id of ['m1', 'm2', 'm3']) run.send('a', id);
    run.record('a', [turnOf(1, [], { consumed: [1] })]);
    const hints = { received: new Set([1, 2, 3]), presented: new Set([1, 2]) };
    expect(messageViewsOf('run_1', 'a', run.log, hints).map(({ state }) => state)).toEqual([
      'consumed',
      'presented',
      'delivered',
    ]);
  });
});
