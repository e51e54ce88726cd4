import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { refusal, start } from '../../test/driven-run.ts';
import { inboxOf, timerOf, waitingRun } from '../../test/waiting-run.ts';
import type { Dag, RunCommand, Step } from '../index.ts';
import { findTarget, viewRun } from '../index.ts';

const begin = (dag: Dag) => {
  const run = start(dag);
  return { ...run, ...waitingRun(run) };
};

describe('a wait for a time', () => {
  const run = () => begin(dagOf([timerOf('w', 500), stepOf('after', { depends: ['w'] })]));

  it('is begun by the coordinator, takes no slot, and makes the run wait', () => {
    const { state, settle, act } = run();
    expect(settle().waits).toEqual([{ step: 'w', stepId: 'w', attempt: 1 }]);
    expect(settle().ready).toEqual([]);
    act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
    expect(state.status).toBe('waiting');
    expect(state.leases).toBe(0);
    expect(settle()).toMatchObject({ dueAt: 1_500, ready: [], waits: [] });
    expect(viewRun(state).steps[0]).toMatchObject({
      status: 'waiting',
      waitReason: 'waiting_for_time',
      wait: { for: 'time', until: '1970-01-01T00:00:01.500Z' },
    });
  });

  it('ends once, at its time and not before', () => {
    const { state, settle, act, status, log } = run();
    settle();
    act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
    settle(1_499);
    expect(status('w')).toBe('waiting');
    const { ready } = settle(1_500);
    expect([status('w'), state.status]).toEqual(['succeeded', 'running']);
    expect(ready.map(({ step }) => step)).toEqual(['after']);
    settle(9_000);
    expect(log.filter(({ type }) => type === 'step_answered')).toHaveLength(1);
    expect(log.at(-1)).toMatchObject({ decision: 'time', by: 'time', result: { outputs: {}, durationMs: 500 } });
  });

  it('fails with its timeout when that comes first, also when both are long past', () => {
    for (const [timeoutMs, expected] of [
      [100, 'failed'],
      [500, 'succeeded'],
      [900, 'succeeded'],
    ] as const) {
      const late = begin(dagOf([timerOf('w', 500, { timeoutMs })]));
      late.settle();
      late.act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
      late.settle(99_000);
      expect(late.status('w')).toBe(expected);
    }
  });

  it('is settled by a cancel and by the timeout of the run, at once', () => {
    const cancelled = run();
    cancelled.settle();
    cancelled.act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    cancelled.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(cancelled.status('w')).toBe('cancelled');
    cancelled.settle();
    expect([cancelled.state.status, cancelled.state.waits.size]).toEqual(['cancelled', 0]);

    const slow = begin(dagOf([timerOf('w', 500)], { timeoutMs: 100 }));
    slow.settle();
    slow.act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    slow.settle(1_100);
    expect([slow.status('w'), slow.state.status, slow.state.error?.code]).toEqual([
      'cancelled',
      'failed',
      'deadline_exceeded',
    ]);
  });

  it('is no wait for a worker, and nothing else can be begun as one', () => {
    const { state, settle } = run();
    settle();
    expect(refusal(state, { type: 'lease', step: 'w', workerId: 'w', sessionId: 's' })).toBe('illegal_transition');
    const wrong: readonly RunCommand[] = [
      { type: 'wait', step: 'w', for: 'time' },
      { type: 'wait', step: 'w', for: 'message', until: 5 },
      { type: 'wait', step: 'w', for: 'approval' },
      { type: 'wait', step: 'after', for: 'time', until: 5 },
      { type: 'wait', step: 'nope', for: 'time', until: 5 },
    ];
    expect(wrong.map((command) => refusal(state, command))).toEqual(wrong.map(() => 'illegal_transition'));
  });

  it('cannot be failed or skipped from outside once it waits', () => {
    const { state, settle, act } = run();
    settle();
    act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    const error = { code: 'internal', message: 'no' } as const;
    expect(refusal(state, { type: 'fail_step', step: 'w', error })).toBe('illegal_transition');
    expect(refusal(state, { type: 'skip_step', step: 'w' })).toBe('illegal_transition');
  });
});

describe('a wait for a message', () => {
  const run = (fields: Partial<Step> = {}) => {
    const one = begin(dagOf([stepOf('before'), inboxOf('w', { depends: ['before'], ...fields })]));
    const send = (messageId: string, now = 1_000, ttlMs?: number) =>
      one.act(
        {
          type: 'send_message',
          step: 'w',
          message: { messageId, sender: 'bob', mode: 'next_turn', text: `hello ${messageId}` },
          ...(ttlMs === undefined ? {} : { ttlMs }),
        },
        now,
      );
    const ask = (now = 1_000) => {
      one.work('before');
      one.act({ type: 'wait', step: 'w', for: 'message' }, now);
    };
    return { ...one, send, ask };
  };

  it('ends with the first message, which is read with the same fact', () => {
    const { state, settle, ask, send, status, log } = run();
    ask();
    expect([settle().dueAt, state.status]).toEqual([undefined, 'waiting']);
    send('m1', 2_000);
    send('m2', 2_000);
    settle(2_000);
    expect(status('w')).toBe('succeeded');
    expect(viewRun(state).steps[1]?.outputs).toEqual({ text: 'hello m1', sender: 'bob', messageId: 'm1' });
    const target = findTarget(state, 'w')?.target;
    expect(target?.mailbox?.messages.map((message) => message.state)).toEqual(['consumed', 'rejected']);
    expect(log.filter(({ type }) => type === 'step_answered')).toMatchObject([{ by: 'bob', message: 1 }]);
  });

  it('takes one that was sent before its turn came, unless that has expired', () => {
    const { ask, send, settle, status, state } = run();
    send('old', 1_000, 10);
    send('new', 1_001);
    ask(2_000);
    settle(2_000);
    expect(status('w')).toBe('succeeded');
    expect(viewRun(state).steps[1]?.outputs).toMatchObject({ messageId: 'new' });
    expect(findTarget(state, 'w')?.target.mailbox?.messages.map((message) => message.state)).toEqual([
      'expired',
      'consumed',
    ]);
  });

  it('fails when its timeout passes first, and takes no message that came later', () => {
    const { ask, send, settle, status, state } = run({ timeoutMs: 100 });
    ask(2_000);
    send('late', 2_101);
    settle(2_101);
    expect(status('w')).toBe('failed');
    expect(findTarget(state, 'w')?.target.mailbox?.messages[0]?.state).toBe('rejected');
    const inTime = run({ timeoutMs: 100 });
    inTime.ask(2_000);
    inTime.send('m', 2_100);
    inTime.settle(9_000);
    expect(inTime.status('w')).toBe('succeeded');
  });
});
