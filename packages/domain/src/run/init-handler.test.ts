import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { failed, refusal, start } from '../../test/driven-run.ts';
import { cancel, dagWith, handlers, ready, runThrough, tolerant, types } from '../../test/handler-run.ts';
import { currentHandler, findTarget, viewRun } from '../index.ts';

describe('@init', () => {
  it('runs after admission and before any step', () => {
    const run = start(dagWith({ init: {} }));
    expect(ready(run)).toEqual(['@init']);
    expect(refusal(run.state, { type: 'lease', step: 'a', workerId: 'w', sessionId: 's' })).toBe('illegal_transition');
    expect(handlers(run)).toEqual(['@init ready']);
    run.lease('@init');
    expect([ready(run), currentHandler(run.state)]).toEqual([[], '@init']);
    run.finish('@init');
    runThrough(run, 'a', 'b');
    run.settle();
    expect([run.state.status, types(run).includes('run_closing')]).toEqual(['succeeded', false]);
  });

  it('does not begin before admission', () => {
    const run = start(dagWith({ init: {} }), undefined, cancel);
    run.settle();
    expect(run.state.status).toBe('cancelled');
    expect(types(run)).toEqual(['run_submitted', 'cancel_requested', 'run_finished']);
  });

  it('holds back also what follows a step that was failed meanwhile', () => {
    const dag = dagOf([stepOf('a', { continueOn: tolerant }), stepOf('b', { depends: ['a'] })], {
      handlers: { init: stepOf('@init') },
    });
    const run = start(dag);
    run.lease('@init');
    run.act({ type: 'fail_step', step: 'a', error: { code: 'internal', message: 'no' } });
    expect([ready(run), run.state.steps.get('b')?.status]).toEqual([[], 'pending']);
    run.finish('@init');
    expect(ready(run)).toEqual(['b']);
  });

  it('that fails lets no step run, whatever steps tolerate, and the run fail', () => {
    const continueOn = { failure: true, skipped: true, exitCodes: [], output: [], markSuccess: true };
    const run = start(
      dagOf([stepOf('a', { continueOn }), stepOf('b', { depends: ['a'], continueOn })], {
        handlers: { init: stepOf('@init'), failure: stepOf('@failure') },
      }),
    );
    run.lease('@init');
    run.finish('@init', failed);
    expect(ready(run)).toEqual(['@failure']);
    expect(viewRun(run.state).steps.map(({ status, skipReason }) => [status, skipReason])).toEqual([
      ['skipped', 'upstream_failed'],
      ['skipped', 'upstream_failed'],
    ]);
    runThrough(run, '@failure');
    run.settle();
    expect(viewRun(run.state)).toMatchObject({
      status: 'failed',
      error: { code: 'internal', message: 'handler failure: init: boom', details: { step: '@init' } },
    });
  });

  it('that fails under continue_on lets the graph run, and the run be partial unless it is to count as success', () => {
    for (const markSuccess of [false, true]) {
      const run = start(dagWith({ init: { continueOn: { ...tolerant, markSuccess } } }));
      run.lease('@init');
      run.finish('@init', failed);
      runThrough(run, 'a', 'b');
      run.settle();
      expect([run.state.status, run.state.partial]).toEqual(['succeeded', !markSuccess]);
    }
  });

  it('that is skipped lets no step run and the run fail, unless it continues on skipped', () => {
    const run = start(dagWith({ init: {} }));
    run.lease('@init');
    run.finish('@init', { status: 'skipped' });
    run.settle();
    expect(viewRun(run.state)).toMatchObject({
      status: 'failed',
      error: { message: 'handler failure: init: it was skipped' },
    });
    expect(run.state.steps.get('a')?.skipReason).toBe('upstream_failed');
    const skippedOk = start(dagWith({ init: { continueOn: { ...tolerant, skipped: true } } }));
    skippedOk.lease('@init');
    skippedOk.finish('@init', { status: 'skipped' });
    expect(ready(skippedOk)).toEqual(['a']);
  });

  it('is retried, lost and leased again like a step', () => {
    const run = start(dagWith({ init: { retryPolicy: { limit: 1, intervalMs: 500, backoff: 1, exitCodes: [] } } }));
    run.lease('@init');
    run.finish('@init', failed);
    expect([ready(run), run.settle().dueAt]).toEqual([[], 1_500]);
    expect(ready(run, 1_500)).toEqual(['@init']);
    run.act({ type: 'lose', step: '@init', token: run.lease('@init', 1_500), reason: 'worker_exited', started: true });
    expect(run.settle(1_500).ready).toEqual([{ step: '@init', stepId: '@init', attempt: 3 }]);
    expect(findTarget(run.state, '@init')?.target.losses).toBe(1);
  });

  it('is stopped with the run, which is then cancelled though no step began', () => {
    const run = start(dagWith({ init: {}, abort: {} }));
    const token = run.lease('@init');
    run.act(cancel);
    expect(run.settle().cancel).toEqual([{ step: '@init', token, workerId: 'wrk_1' }]);
    expect(run.state.steps.get('a')?.status).toBe('cancelled');
    expect(types(run).includes('run_closing')).toBe(false);
    run.finish('@init', { status: 'cancelled' });
    runThrough(run, '@abort');
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['cancelled', ['@init cancelled', '@abort succeeded']]);
  });

  it('that nobody holds is cancelled with the run at once', () => {
    const run = start(dagWith({ init: {} }));
    run.act(cancel);
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['cancelled', ['@init cancelled']]);
  });

  it('counts for the timeout of the run', () => {
    const run = start(dagWith({ init: {} }, { timeoutMs: 5_000 }));
    expect(run.settle().dueAt).toBe(6_000);
    run.settle(6_000);
    expect(viewRun(run.state)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
  });

  it('runs again in a retry run, and the steps that are kept do not', () => {
    const result = { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 3 } as const;
    const run = start(dagWith({ init: {}, exit: {} }), {
      type: 'submit',
      dagDigest: 'sha256:00',
      params: {},
      routingContext: {},
      priority: 0,
      source: { kind: 'retry', retryOf: 'run_0' },
      kept: ['@init', 'a', 'b', '@exit'].map((step) => ({ step, result, attempt: 1 })),
    });
    runThrough(run, '@init', '@exit');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });
});
