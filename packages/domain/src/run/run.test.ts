import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { admit, failed, refusal, start, submit } from '../../test/driven-run.ts';
import type { LossReason, RunCommand } from '../index.ts';
import {
  cloneRunState,
  createRunState,
  decide,
  evolveAll,
  findTarget,
  markStarted,
  planRun,
  retryDelayMs,
  viewRun,
} from '../index.ts';

describe('a run', () => {
  it('offers the steps without dependencies first and the others once these are settled', () => {
    const run = start(dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })]));
    expect(run.settle().ready.map((task) => task.step)).toEqual(['a']);
    run.lease('a');
    expect(run.settle().ready).toEqual([]);
    run.finish('a');
    expect(run.settle().ready.map((task) => task.step)).toEqual(['b']);
    run.lease('b');
    run.finish('b');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });

  it('records a result once and calls the same one a repetition', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    run.finish('a');
    const again = decide(run.state, run.resultCommand('a', token, { status: 'succeeded' }), 2_000);
    expect(again).toEqual({ ok: true, value: [] });
  });

  it('refuses a result whose fencing token is older than the lease', () => {
    const run = start(dagOf([stepOf('a')]));
    const old = run.lease('a');
    run.act({ type: 'lose', step: 'a', token: old, reason: 'lease_lapsed', started: true });
    run.lease('a');
    expect(refusal(run.state, run.resultCommand('a', old, { status: 'succeeded' }))).toBe('stale_fencing_token');
  });

  it('refuses the result of a worker that does not hold the lease', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    const command = run.resultCommand('a', token, { status: 'succeeded' });
    expect(refusal(run.state, { ...command, workerId: 'wrk_2' } as RunCommand)).toBe('stale_fencing_token');
  });

  it('raises the attempt only if the lost lease had started', () => {
    const run = start(dagOf([stepOf('a')]));
    run.act({ type: 'lose', step: 'a', token: run.lease('a'), reason: 'worker_exited', started: false });
    const second = run.lease('a');
    expect(findTarget(run.state, 'a')?.target.attempt).toBe(1);
    run.act({ type: 'lose', step: 'a', token: second, reason: 'worker_exited', started: true });
    run.lease('a');
    expect(findTarget(run.state, 'a')?.target.attempt).toBe(2);
  });

  it('gives a step up as poison after three losses', () => {
    const run = start(dagOf([stepOf('a')]));
    for (let loss = 0; loss < 3; loss += 1) {
      run.act({ type: 'lose', step: 'a', token: run.lease('a'), reason: 'worker_exited', started: true });
    }
    run.settle();
    expect(run.state.status).toBe('failed');
    expect(run.state.error?.message).toContain('poison');
  });

  it('gives a step up as poison after twenty losses in a row before it started, and counts none of busy workers', () => {
    const run = start(dagOf([stepOf('a')]));
    const lose = (reason: LossReason, started = false) =>
      run.act({ type: 'lose', step: 'a', token: run.lease('a'), reason, started });
    for (let loss = 0; loss < 19; loss += 1) lose('worker_exited');
    for (let refusal = 0; refusal < 50; refusal += 1) lose(refusal % 2 === 0 ? 'refused' : 'drained');
    lose('lease_lapsed', true);
    for (let loss = 0; loss < 19; loss += 1) lose('lease_lapsed');
    expect(run.settle().ready).toEqual([{ step: 'a', stepId: 'a', attempt: 2 }]);
    lose('lease_lapsed');
    run.settle();
    expect(run.state.status).toBe('failed');
    expect(run.state.error?.message).toContain('poison: 20 workers in a row');
  });

  it('does not count a drain as a loss, though the next attempt is another one', () => {
    const run = start(dagOf([stepOf('a')]));
    for (let drain = 0; drain < 5; drain += 1) {
      run.act({ type: 'lose', step: 'a', token: run.lease('a'), reason: 'drained', started: true });
    }
    expect(run.settle().ready).toEqual([{ step: 'a', stepId: 'a', attempt: 6 }]);
  });

  it('fails at the first loss where a step must not run twice', () => {
    const run = start(dagOf([stepOf('a', { onWorkerLoss: 'fail' })]));
    run.act({ type: 'lose', step: 'a', token: run.lease('a'), reason: 'worker_exited', started: true });
    run.settle();
    expect(run.state.status).toBe('failed');
  });

  it('hands a released task back without charging an attempt or a loss', () => {
    const run = start(dagOf([stepOf('a')]));
    run.lease('a');
    run.finish('a', { status: 'released' });
    expect(run.settle().ready).toEqual([{ step: 'a', stepId: 'a', attempt: 1 }]);
    expect(findTarget(run.state, 'a')?.target.losses).toBe(0);
  });

  it('retries after a backoff that is recorded, then fails', () => {
    const retryPolicy = { limit: 1, intervalMs: 500, backoff: 1, exitCodes: [] };
    const run = start(dagOf([stepOf('a', { retryPolicy })]));
    run.lease('a');
    run.finish('a', failed, 1_000);
    const waiting = run.settle(1_000);
    expect(waiting.ready).toEqual([]);
    expect(waiting.dueAt).toBe(1_500);
    expect(run.settle(1_500).ready).toEqual([{ step: 'a', stepId: 'a', attempt: 2 }]);
    run.lease('a', 1_500);
    run.finish('a', failed, 1_600);
    run.settle(1_600);
    expect(run.state.status).toBe('failed');
    expect(run.state.error?.message).toContain('boom');
  });

  it('does not retry an exit code that the policy does not name', () => {
    const retryPolicy = { limit: 3, intervalMs: 500, backoff: 2, exitCodes: [75] };
    const run = start(dagOf([stepOf('a', { retryPolicy })]));
    run.lease('a');
    run.finish('a', failed, 1_000, 1);
    run.settle();
    expect(run.state.status).toBe('failed');
  });

  it('skips what depends on a failed step and lets other branches finish', () => {
    const run = start(
      dagOf([stepOf('a'), stepOf('b', { depends: ['a'] }), stepOf('c', { depends: ['b'] }), stepOf('d')]),
    );
    run.lease('a');
    run.finish('a', failed);
    expect(run.settle().ready.map((task) => task.step)).toEqual(['d']);
    run.lease('d');
    run.finish('d');
    run.settle();
    const view = viewRun(run.state);
    expect(view.steps.map((step) => [step.id, step.status, step.skipReason])).toEqual([
      ['a', 'failed', undefined],
      ['b', 'skipped', 'upstream_failed'],
      ['c', 'skipped', 'upstream_failed'],
      ['d', 'succeeded', undefined],
    ]);
    expect(view.status).toBe('failed');
  });

  it('goes on after a tolerated failure and says that it is partial', () => {
    const continueOn = { failure: true, skipped: false, exitCodes: [], output: [], markSuccess: false };
    const run = start(dagOf([stepOf('a', { continueOn }), stepOf('b', { depends: ['a'] })]));
    run.lease('a');
    run.finish('a', failed);
    expect(run.settle().ready.map((task) => task.step)).toEqual(['b']);
    run.lease('b');
    run.finish('b');
    run.settle();
    expect([run.state.status, run.state.partial]).toEqual(['succeeded', true]);
  });

  it('skips the dependants of a skipped step unless it continues on skipped', () => {
    const skippedOk = { failure: false, skipped: true, exitCodes: [], output: [], markSuccess: false };
    const run = start(
      dagOf([
        stepOf('a'),
        stepOf('b', { depends: ['a'] }),
        stepOf('c', { continueOn: skippedOk }),
        stepOf('d', { depends: ['c'] }),
      ]),
    );
    for (const id of ['a', 'c']) {
      run.lease(id);
      run.finish(id, { status: 'skipped' });
    }
    expect(run.settle().ready.map((task) => task.step)).toEqual(['d']);
    expect(run.state.steps.get('b')?.skipReason).toBe('upstream_skipped');
  });

  it('cancels what nobody holds at once and ends when the held tasks are settled', () => {
    const run = start(dagOf([stepOf('a'), stepOf('b'), stepOf('c', { depends: ['a'] })]));
    const token = run.lease('a');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    const plan = run.settle();
    expect(plan.cancel).toEqual([{ step: 'a', token, workerId: 'wrk_1' }]);
    expect(run.state.steps.get('b')?.status).toBe('cancelled');
    run.finish('a', { status: 'cancelled' });
    run.settle();
    expect(run.state.status).toBe('cancelled');
    expect(refusal(run.state, { type: 'cancel', by: 'someone', reason: 'requested' })).toBe('illegal_transition');
  });

  it('keeps its natural end when the cancel came too late to stop anything', () => {
    const run = start(dagOf([stepOf('a')]));
    run.lease('a');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    run.finish('a');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });

  it('times out as a whole', () => {
    const run = start(dagOf([stepOf('a')], { timeoutMs: 10_000 }));
    run.lease('a');
    expect(run.settle(2_000).dueAt).toBe(11_000);
    run.settle(11_000);
    run.act({
      type: 'lose',
      step: 'a',
      token: run.state.steps.get('a')?.lease?.token ?? 0,
      reason: 'lease_lapsed',
      started: true,
    });
    run.settle(12_000);
    expect([run.state.status, run.state.error?.code]).toEqual(['failed', 'deadline_exceeded']);
  });

  it('takes a cancelled answer that nobody asked for as a failure', () => {
    const run = start(dagOf([stepOf('a')]));
    run.lease('a');
    run.finish('a', { status: 'cancelled' });
    run.settle();
    expect([run.state.status, run.state.error?.code]).toEqual(['failed', 'cancelled']);
  });

  it('ends a queued run that is cancelled or rejected', () => {
    for (const command of [
      { type: 'cancel', by: 'someone', reason: 'requested' },
      { type: 'reject', error: { code: 'not_found', message: 'agent x is unknown' } },
    ] as const) {
      const state = createRunState('default', 'run_1', dagOf([stepOf('a')]));
      for (const each of [submit, command] as const) {
        const decision = decide(state, each, 1);
        if (decision.ok) evolveAll(state, decision.value);
      }
      evolveAll(state, planRun(state, 2).facts);
      expect(state.status).toBe(command.type === 'cancel' ? 'cancelled' : 'failed');
      expect(refusal(state, admit)).toBe('illegal_transition');
    }
  });
});

describe('a retry run', () => {
  it('starts with the steps that it keeps settled', () => {
    const state = createRunState('default', 'run_2', dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })]));
    const result = { outcome: { status: 'succeeded' }, outputs: { n: { inline: 1 } }, durationMs: 3 } as const;
    for (const command of [{ ...submit, kept: [{ step: 'a', result, attempt: 1 }] }, admit]) {
      const decision = decide(state, command, 5);
      if (decision.ok) evolveAll(state, decision.value);
    }
    expect(planRun(state, 5).ready.map((task) => task.step)).toEqual(['b']);
    expect(viewRun(state).steps[0]?.outputs).toEqual({ n: 1 });
  });
});

describe('a state', () => {
  it('survives encoding, and the copy has its own life', () => {
    const run = start(dagOf([stepOf('f', { foreach: { items: [1, 2], maxConcurrent: 2 } })]));
    run.act({ type: 'expand', step: 'f', count: 2, items: { inline: [1, 2] } });
    run.lease('f[0]');
    const copy = cloneRunState(run.state);
    expect(copy).toEqual(run.state);
    run.finish('f[0]');
    expect(copy.leases).toBe(1);
  });

  it('notes a start only under the current token', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    expect(markStarted(run.state, 'a', token + 1, 7)).toBe(false);
    expect(markStarted(run.state, 'a', token, 7)).toBe(true);
    expect(viewRun(run.state).steps[0]?.startedAt).toBe(new Date(7).toISOString());
  });
});

describe('the retry delay', () => {
  it('grows by the factor up to its cap', () => {
    const policy = { limit: 9, intervalMs: 100, backoff: 2, maxIntervalMs: 350, exitCodes: [] };
    expect([1, 2, 3, 4].map((failures) => retryDelayMs(policy, failures))).toEqual([100, 200, 350, 350]);
  });
});
