import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep, messageOf, startAgent, turnOf } from '../../test/agent-run.ts';
import { failed, refusal, submit } from '../../test/driven-run.ts';
import type { AgentMessage, RunCommand } from '../index.ts';
import { createRunState, decide, evolve, isSettledStep, mailboxLimits, planRun, viewStep } from '../index.ts';

const retryPolicy = { limit: 9, intervalMs: 10, backoff: 1, exitCodes: [] };

const sendCommand = (step: string, messageId: string, fields: Partial<AgentMessage> = {}): RunCommand => ({
  type: 'send_message',
  step,
  message: messageOf(messageId, fields),
});

const error = (run: ReturnType<typeof startAgent>, command: RunCommand, now = 1_000) => {
  const decision = decide(run.state, command, now);
  return decision.ok ? undefined : { code: decision.error.code, details: decision.error.details };
};

describe('a message that is sent', () => {
  it('waits in the mailbox of a step that has not begun, in the order of its number', () => {
    const run = startAgent(dagOf([agentStep('z'), agentStep('a', { depends: ['z'] })]));
    run.send('a', 'm1');
    run.send('a', 'm2', { mode: 'interrupt', requireAck: true, wantsReply: true }, 1_010, 500);
    expect(run.target('a').mailbox?.messages).toEqual([
      { ...messageOf('m1'), number: 1, at: 1_000, state: 'accepted' },
      {
        ...messageOf('m2', { mode: 'interrupt', requireAck: true, wantsReply: true }),
        number: 2,
        at: 1_010,
        expiresAt: 1_510,
        state: 'accepted',
      },
    ]);
    expect([...run.state.unread]).toEqual(['a']);
    expect(viewStep(undefined, run.target('a')).unreadMessages).toBe(2);
  });

  it('changes nothing when it is sent again, even to a step that is over, and is refused with another text', () => {
    const run = startAgent();
    run.send('a', 'm1');
    expect(run.send('a', 'm1')).toEqual([]);
    expect(refusal(run.state, sendCommand('a', 'm1', { text: 'other' }))).toBe('already_exists');
    run.lease('a');
    run.finish('a');
    run.settle();
    expect(run.send('a', 'm1')).toEqual([]);
    expect(refusal(run.state, sendCommand('a', 'm2'))).toBe('illegal_transition');
  });

  it('is refused by what reads none: another kind of step, a fan-out, a step that is not there or settled, a run that stops', () => {
    const wait = stepOf('w', { action: { kind: 'wait', durationMs: 5 } });
    const fan = agentStep('f', { foreach: { items: [1], maxConcurrent: 1 } });
    const failure = agentStep('@failure');
    const run = startAgent(dagOf([agentStep('a'), agentStep('b'), stepOf('s'), wait, fan], { handlers: { failure } }));
    const code = (step: string) => refusal(run.state, sendCommand(step, 'm'));
    expect(['s', 'w', 'f', 'f[0]', 'x'].map(code)).toEqual([
      'illegal_transition',
      'illegal_transition',
      'invalid_argument',
      'not_found',
      'not_found',
    ]);
    run.act({ type: 'expand', step: 'f', count: 1, items: { inline: [1] } });
    expect([code('f[0]'), code('@failure')]).toEqual(['accepted', 'accepted']);
    run.lease('a');
    run.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(['a', 'b'].map(code)).toEqual(['illegal_transition', 'illegal_transition']);
  });

  it('is refused over 16 KiB, with a time to live of nothing, and as a fact over 64 KiB', () => {
    const run = startAgent();
    const text = (value: string) => refusal(run.state, sendCommand('a', 'm', { text: value }));
    expect(text('é'.repeat(8 * 1024))).toBe('accepted');
    expect(text(`${'é'.repeat(8 * 1024)}x`)).toBe('too_large');
    expect(text('\u0001'.repeat(16 * 1024))).toBe('too_large');
    expect(refusal(run.state, { ...sendCommand('a', 'm'), ttlMs: 0 } as RunCommand)).toBe('invalid_argument');
  });

  it('is refused by a full mailbox with its depth and the age of its oldest, until one is read', () => {
    const run = startAgent();
    run.lease('a');
    for (let sent = 0; sent < mailboxLimits.maxUnread; sent += 1) run.send('a', `m${sent}`, {}, 1_000 + sent);
    expect(error(run, sendCommand('a', 'one more'), 1_500)).toEqual({
      code: 'mailbox_full',
      details: { depth: 100, oldestAgeMs: 500 },
    });
    run.record('a', [turnOf(1, [], { consumed: [1, 2] })]);
    expect(error(run, sendCommand('a', 'one more'), 1_500)).toBeUndefined();
  });

  it('is refused when the mailbox has had as many messages or bytes as it may, though all were read', () => {
    const many = startAgent();
    many.lease('a');
    for (let sent = 1; sent <= mailboxLimits.maxMessages; sent += 1) {
      many.send('a', `m${sent}`);
      if (sent % 100 === 0)
        many.record('a', [turnOf(sent / 100, [], { consumed: Array.from({ length: 100 }, (_, k) => sent - k) })]);
    }
    expect(error(many, sendCommand('a', 'm'))).toEqual({ code: 'mailbox_full', details: { depth: 0, oldestAgeMs: 0 } });
    const large = startAgent();
    const text = 'x'.repeat(16 * 1024);
    for (let sent = 0; sent < 64; sent += 1) large.send('a', `m${sent}`, { text });
    expect(error(large, sendCommand('a', 'm'))?.code).toBe('mailbox_full');
  });
});

describe('a message that is read', () => {
  it('is consumed by the turn that is durable, and answered by its reply', () => {
    const run = startAgent();
    run.lease('a');
    run.send('a', 'm1', { wantsReply: true });
    run.send('a', 'm2');
    run.record('a', [turnOf(1, [], { consumed: [1] })]);
    expect(run.states('a')).toEqual(['consumed', 'accepted']);
    run.record('a', [{ type: 'reply', number: 1, text: 'yes' }], 1_020);
    expect(run.target('a').mailbox?.messages[0]).toMatchObject({
      state: 'replied',
      turn: 1,
      reply: { text: 'yes', at: 1_020 },
    });
    expect(run.target('a').mailbox?.unread).toBe(1);
  });

  it('is consumed once per transcript, and not by a turn that it was gone before', () => {
    const run = startAgent();
    run.lease('a');
    run.send('a', 'm1');
    run.send('a', 'm2', {}, 1_000, 10);
    run.settle(1_010);
    const [first, second] = run.record('a', [turnOf(1, [], { consumed: [1, 1, 2] }), turnOf(2, [], { consumed: [1] })]);
    expect(first).toMatchObject({ entry: { consumed: [1] } });
    expect(second).not.toHaveProperty('entry.consumed');
    expect(run.states('a')).toEqual(['consumed', 'expired']);
  });

  it('is read again when its transcript is dropped, by a restart or a failure, and given up after five times', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.send('a', 'm1');
    let now = 2_000;
    for (let dropped = 1; dropped <= 6; dropped += 1) {
      now += 100;
      run.lease('a', now);
      run.record('a', [turnOf(1, [], { consumed: [1] })], now);
      if (dropped === 2) {
        run.record('a', [{ type: 'restart', reason: 'no tree' }], now);
        run.lose('a', {}, now);
      } else run.finish('a', failed, now);
      expect(run.target('a').mailbox?.messages[0]?.presentations).toBe(dropped);
      expect(run.states('a')).toEqual(['accepted']);
      run.settle(now);
    }
    expect(run.target('a').mailbox?.messages[0]).toMatchObject({
      state: 'dead_lettered',
      reason: 'too_many_presentations',
    });
    expect(run.send('a', 'm1', {}, now)).toMatchObject([{ type: 'message_accepted', message: { number: 2 } }]);
  });

  it('is read by a turn that comes in one checkpoint with the restart before it', () => {
    const run = startAgent();
    run.lease('a');
    run.send('a', 'm1');
    run.record('a', [turnOf(1, [], { consumed: [1] })]);
    run.lose('a');
    run.lease('a');
    run.record('a', [{ type: 'restart', reason: 'no tree' }, turnOf(1, [], { consumed: [1] })]);
    expect(run.target('a').mailbox).toMatchObject({ unread: 0, messages: [{ state: 'consumed', presentations: 1 }] });
  });

  it('keeps its answer when it is read again', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.send('a', 'm1', { wantsReply: true });
    const reply = { type: 'reply', number: 1, text: 'yes' } as const;
    run.record('a', [turnOf(1, [], { consumed: [1] }), reply]);
    run.finish('a', failed);
    run.lease('a', 2_000);
    run.record('a', [turnOf(1, [], { consumed: [1] })], 2_000);
    expect(run.target('a').mailbox?.messages[0]).toMatchObject({ state: 'replied', reply: { text: 'yes' } });
  });
});

describe('a mailbox', () => {
  it('expires what is not read in time, and is due then', () => {
    const run = startAgent();
    run.send('a', 'm1', {}, 1_000, 70);
    run.send('a', 'm2', {}, 1_000, 50);
    expect(planRun(run.state, 1_049)).toMatchObject({ facts: [], dueAt: 1_050 });
    expect(planRun(run.state, 1_050).facts).toEqual([
      {
        type: 'message_ended',
        v: 1,
        at: 1_050,
        step: 'a',
        number: 2,
        state: 'expired',
        reason: 'ttl_expired',
      },
    ]);
    expect(run.settle(1_050).dueAt).toBe(1_070);
  });

  it('expires and is due in a run that is not admitted, and closes when that run is rejected or cancelled', () => {
    const queued = () => {
      const state = createRunState('default', 'run_1', dagOf([agentStep('a')]));
      const act = (command: RunCommand) => {
        const decision = decide(state, command, 1_000);
        if (!decision.ok) throw decision.error;
        for (const fact of decision.value) evolve(state, fact);
        return decision.value;
      };
      act(submit);
      act({ ...sendCommand('a', 'm1', { requireAck: true }), ttlMs: 50 } as RunCommand);
      return { state, act };
    };
    const one = queued();
    expect(planRun(one.state, 1_000)).toMatchObject({ facts: [], dueAt: 1_050 });
    expect(planRun(one.state, 1_050).facts).toMatchObject([{ state: 'expired' }]);
    const facts = one.act({ type: 'reject', error: { code: 'not_found', message: 'no agent' } });
    expect(facts.map(({ type }) => type)).toEqual(['message_ended', 'run_finished']);
    const other = queued();
    other.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(planRun(other.state, 1_000).facts).toMatchObject([{ type: 'message_ended', state: 'dead_lettered' }]);
  });

  const ends: readonly (readonly [string, (run: ReturnType<typeof startAgent>) => void])[] = [
    ['fails', (run) => void (run.lease('a'), run.finish('a', failed))],
    ['succeeds', (run) => void (run.lease('a'), run.finish('a'))],
    ['is failed', (run) => run.act({ type: 'fail_step', step: 'a', error: { code: 'internal', message: 'no' } })],
    ['is skipped', (run) => run.act({ type: 'skip_step', step: 'a' })],
    ['is cancelled', (run) => run.act({ type: 'cancel', by: 'x', reason: 'requested' })],
    ['is poison', (run) => [1, 2, 3].forEach(() => void (run.lease('a'), run.lose('a')))],
  ];

  it.each(ends)('closes in the same turn when its step %s, and says how each message ended', (_how, end) => {
    const run = startAgent(dagOf([agentStep('a'), agentStep('b')]));
    run.send('a', 'm1');
    run.send('b', 'm2');
    end(run);
    expect(isSettledStep(run.target('a').status)).toBe(true);
    run.settle();
    expect(run.states('a')).toEqual(['rejected']);
    expect(run.state.unread.has('a')).toBe(false);
    expect(run.states('b')).toEqual([run.state.cancel === undefined ? 'accepted' : 'rejected']);
  });

  it('closes when its step is skipped because of another, and when its handler never runs', () => {
    const dag = dagOf([agentStep('a'), agentStep('b', { depends: ['a'] })], {
      handlers: { success: agentStep('@success'), failure: agentStep('@failure') },
    });
    const run = startAgent(dag);
    for (const step of ['b', '@success', '@failure'])
      run.send(step, `to ${step}`, { requireAck: step === '@success' ? true : undefined } as never);
    run.lease('a');
    run.finish('a', failed);
    run.settle();
    expect(run.states('b')).toEqual(['rejected']);
    expect([run.states('@success'), run.states('@failure')]).toEqual([['accepted'], ['accepted']]);
    run.lease('@failure');
    run.record('@failure', [turnOf(1, [], { consumed: [1] })]);
    run.finish('@failure');
    run.settle();
    expect(run.state.status).toBe('failed');
    expect([run.states('@success'), run.states('@failure')]).toEqual([['dead_lettered'], ['consumed']]);
  });
});

describe('a result with an unread message that asks to be read', () => {
  it('is not taken: the step goes on from its progress, in the same attempt, charged to nobody', () => {
    const run = startAgent();
    const token = run.lease('a');
    run.record('a', [turnOf(1)]);
    run.send('a', 'm1', { requireAck: true });
    expect(run.finish('a')).toEqual([
      { type: 'step_lost', v: 1, at: 1_000, step: 'a', token, reason: 'unread_message', started: true },
    ]);
    expect(run.target('a')).toMatchObject({ status: 'ready', losses: 0, unstartedLosses: 0, progress: { turns: 1 } });
    expect(run.target('a').lossLog).toBeUndefined();
    run.lease('a');
    expect(run.target('a').attempt).toBe(1);
    run.record('a', [turnOf(2, [], { consumed: [1] })]);
    expect(run.finish('a')).toMatchObject([{ type: 'step_finished' }]);
  });

  it('is taken when it is a failure, when the message has expired, and when the run is being stopped', () => {
    const sent = () => {
      const run = startAgent();
      run.lease('a');
      run.send('a', 'm1', { requireAck: true }, 1_000, 50);
      return run;
    };
    expect(sent().finish('a', failed)).toMatchObject([{ type: 'step_finished' }]);
    expect(sent().finish('a', { status: 'succeeded' }, 1_050)).toMatchObject([{ type: 'step_finished' }]);
    const stopping = sent();
    stopping.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(stopping.finish('a')).toMatchObject([{ type: 'step_finished' }]);
    stopping.settle();
    expect(stopping.states('a')).toEqual(['dead_lettered']);
  });

  it('is taken after five results in a row, so that a worker that never reads does not go round for ever', () => {
    const run = startAgent();
    run.send('a', 'm1', { requireAck: true });
    const ends = Array.from({ length: 6 }, () => {
      run.lease('a');
      return run.finish('a')[0]?.type;
    });
    expect(ends).toEqual([...Array.from({ length: 5 }, () => 'step_lost'), 'step_finished']);
    const reads = startAgent();
    for (let number = 1; number <= 7; number += 1) {
      reads.send('a', `m${number}`, { requireAck: true });
      reads.lease('a');
      expect(reads.finish('a')).toMatchObject([{ type: 'step_lost' }]);
      reads.lease('a');
      reads.record('a', [turnOf(number, [], { consumed: [number] })]);
      reads.lose('a');
    }
    run.settle();
    expect(run.states('a')).toEqual(['dead_lettered']);
  });
});
