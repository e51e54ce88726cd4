import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { failed, refusal, start, startWithCalls } from '../../test/driven-run.ts';
import type { Dag, HandlerName, RunCommand, Step } from '../index.ts';
import {
  currentHandler,
  decodeRunState,
  encodeRunState,
  findTarget,
  handlerStepId,
  isStopping,
  runFieldValue,
  viewRun,
} from '../index.ts';

type Fields = { readonly [name in HandlerName]?: Partial<Step> };

/** A DAG of `a` and then `b`, with these handlers. */
const dagWith = (handlers: Fields, fields: Partial<Dag> = {}): Dag =>
  dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], {
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([name, own]) => [name, stepOf(handlerStepId(name as HandlerName), own)]),
    ),
    ...fields,
  });

const tolerant = { failure: true, skipped: false, exitCodes: [], output: [], markSuccess: false };
const cancel: RunCommand = { type: 'cancel', by: 'someone', reason: 'requested' };
const types = (run: ReturnType<typeof start>) => run.log.map(({ type }) => type);
const ready = (run: ReturnType<typeof start>, now = 1_000) => run.settle(now).ready.map(({ step }) => step);
const handlers = (run: ReturnType<typeof start>) =>
  (viewRun(run.state).handlers ?? []).map(({ id, status }) => `${id} ${status}`);

/** Leases and finishes steps one after the other. */
const runThrough = (run: ReturnType<typeof start>, ...steps: readonly string[]): void => {
  for (const step of steps) {
    expect(ready(run)).toContain(step);
    run.lease(step);
    run.finish(step);
  }
};

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
      kept: ['a', 'b'].map((step) => ({ step, result, attempt: 1 })),
    });
    runThrough(run, '@init', '@exit');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });
});

describe('the handlers that follow', () => {
  const all: Fields = { init: {}, success: {}, failure: {}, abort: {}, exit: {} };

  it('are @success and then @exit when the run succeeded, which is recorded first', () => {
    const run = start(dagWith(all));
    runThrough(run, '@init', 'a', 'b');
    expect(ready(run)).toEqual(['@success']);
    expect(run.log.at(-1)).toEqual({ type: 'run_closing', v: 1, at: 1_000, partial: false, status: 'succeeded' });
    expect([run.state.status, viewRun(run.state).status]).toEqual(['running', 'running']);
    expect(handlers(run)).toEqual(['@init succeeded', '@success ready']);
    runThrough(run, '@success', '@exit');
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual([
      'succeeded',
      ['@init succeeded', '@success succeeded', '@exit succeeded'],
    ]);
    expect(run.state.steps.get('@failure')?.status).toBe('pending');
  });

  it('are @failure and then @exit when it failed', () => {
    const run = start(dagWith(all));
    runThrough(run, '@init');
    run.lease('a');
    run.finish('a', failed);
    runThrough(run, '@failure', '@exit');
    run.settle();
    expect(viewRun(run.state)).toMatchObject({ status: 'failed', error: { message: 'step a failed: boom' } });
  });

  it('are @failure and then @exit when it took too long, and no timeout is theirs', () => {
    const run = start(dagWith({ failure: {}, abort: {}, exit: {} }, { timeoutMs: 5_000 }));
    run.lease('a');
    run.settle(6_000);
    run.finish('a', { status: 'cancelled' }, 6_100);
    expect([ready(run, 6_100), run.settle(99_000).dueAt]).toEqual([['@failure'], undefined]);
    expect(ready(run, 99_000)).toEqual(['@failure']);
    runThrough(run, '@failure', '@exit');
    run.settle();
    expect(run.state.error?.code).toBe('deadline_exceeded');
  });

  it('have no timeout though the run did not reach its own', () => {
    const run = start(dagWith({ success: {} }, { timeoutMs: 5_000 }));
    runThrough(run, 'a', 'b');
    expect([run.settle(7_000).ready.length, run.settle(7_000).dueAt]).toEqual([1, undefined]);
  });

  it('are @abort and then @exit when it was cancelled, and are leased although it was', () => {
    const run = start(dagWith(all));
    runThrough(run, '@init');
    run.lease('a');
    run.act(cancel);
    run.finish('a', { status: 'cancelled' });
    runThrough(run, '@abort');
    expect(isStopping(run.state)).toBe(false);
    runThrough(run, '@exit');
    run.settle();
    expect(run.state.status).toBe('cancelled');
  });

  it.each([
    [{ exit: {} }, ['@exit']],
    [{ success: {} }, ['@success']],
    [{ failure: {}, abort: {}, wait: {} }, []],
  ] as const)('are those that the DAG has: of %j, %j', (own, wanted) => {
    const run = start(dagWith(own));
    runThrough(run, 'a', 'b', ...wanted);
    run.settle();
    expect([run.state.status, types(run).includes('run_closing')]).toEqual(['succeeded', wanted.length > 0]);
    expect(handlers(run)).toEqual(wanted.map((id) => `${id} succeeded`));
  });

  it('follow neither a run that was rejected nor one that was cancelled before its admission', () => {
    const reject: RunCommand = { type: 'reject', error: { code: 'not_found', message: 'no agent x' } };
    for (const command of [reject, cancel]) {
      const run = start(dagWith(all), undefined, command);
      run.settle();
      expect([types(run).includes('run_closing'), types(run).includes('step_leased')]).toEqual([false, false]);
      expect(run.state.status).toBe(command === cancel ? 'cancelled' : 'failed');
    }
  });

  it('let a run fail that had succeeded when one of them fails, after @exit', () => {
    const run = start(dagWith({ success: {}, exit: {} }));
    runThrough(run, 'a', 'b');
    run.settle();
    run.lease('@success');
    run.finish('@success', failed);
    runThrough(run, '@exit');
    run.settle();
    expect(viewRun(run.state)).toMatchObject({
      status: 'failed',
      error: { code: 'internal', message: 'handler failure: success: boom', details: { step: '@success' } },
    });
  });

  it('change nothing else by failing: a failed run keeps its error, a cancelled one stays cancelled', () => {
    for (const outcome of ['failed', 'cancelled'] as const) {
      const run = start(dagWith({ exit: {} }));
      run.lease('a');
      if (outcome === 'cancelled') run.act(cancel);
      run.finish('a', outcome === 'failed' ? failed : { status: 'cancelled' });
      run.settle();
      run.lease('@exit');
      run.finish('@exit', { status: 'failed', error: { code: 'unavailable', message: 'no mail' } });
      run.settle();
      expect([run.state.status, run.state.error?.message]).toEqual(
        outcome === 'failed' ? ['failed', 'step a failed: boom'] : ['cancelled', undefined],
      );
    }
  });

  it('that fail under continue_on leave the run succeeded and partial', () => {
    const run = start(dagWith({ exit: { continueOn: tolerant } }));
    runThrough(run, 'a', 'b');
    run.settle();
    run.lease('@exit');
    run.finish('@exit', failed);
    run.settle();
    expect([run.state.status, run.state.partial]).toEqual(['succeeded', true]);
  });

  it('that are skipped by their precondition fail nothing', () => {
    const run = start(dagWith({ success: {}, exit: {} }));
    runThrough(run, 'a', 'b');
    run.settle();
    run.lease('@success');
    run.finish('@success', { status: 'skipped' });
    runThrough(run, '@exit');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });

  it('survive the loss of their worker, also after a cancel, and are given up like steps', () => {
    const run = start(dagWith({ abort: {} }));
    run.act(cancel);
    run.settle();
    for (let loss = 0; loss < 3; loss += 1) {
      expect(ready(run)).toEqual(['@abort']);
      run.act({ type: 'lose', step: '@abort', token: run.lease('@abort'), reason: 'lease_lapsed', started: true });
    }
    run.settle();
    expect([run.state.status, run.state.steps.get('@abort')?.status]).toEqual(['cancelled', 'failed']);
  });

  it('take a worker that stopped unasked for a failure, also after a cancel of the run', () => {
    const run = start(dagWith({ abort: {} }));
    run.act(cancel);
    run.settle();
    run.lease('@abort');
    run.finish('@abort', { status: 'cancelled' });
    expect(run.state.steps.get('@abort')?.error?.code).toBe('cancelled');
  });

  it('may call a DAG, whose child a cancel from before does not reach', () => {
    const run = startWithCalls(dagWith({ abort: { action: { kind: 'call', dag: 'child' } } }));
    run.act(cancel);
    expect(run.settle().calls).toEqual([{ step: '@abort', stepId: '@abort', attempt: 1 }]);
    run.call('@abort', 'run_c');
    expect(run.settle().cancelCalls).toEqual([]);
    run.returns('@abort');
    run.settle();
    expect([run.state.status, run.state.leases]).toEqual(['cancelled', 0]);
  });

  it('are not failed or skipped from outside before their turn', () => {
    const run = start(dagWith({ exit: {} }));
    const error = { code: 'internal', message: 'no' } as const;
    expect(refusal(run.state, { type: 'fail_step', step: '@exit', error })).toBe('illegal_transition');
    expect(refusal(run.state, { type: 'skip_step', step: '@exit' })).toBe('illegal_transition');
    expect(refusal(run.state, { type: 'lease', step: '@exit', workerId: 'w', sessionId: 's' })).toBe(
      'illegal_transition',
    );
    runThrough(run, 'a', 'b');
    run.settle();
    run.act({ type: 'fail_step', step: '@exit', error });
    run.settle();
    expect(run.state.error?.message).toBe('handler failure: exit: no');
  });
});

describe('a cancel while handlers run', () => {
  it('stops the held one and passes over the next, and the recorded outcome stands', () => {
    const run = start(dagWith({ success: {}, exit: {} }));
    runThrough(run, 'a', 'b');
    run.settle();
    const token = run.lease('@success');
    run.act(cancel);
    expect(run.settle().cancel).toEqual([{ step: '@success', token, workerId: 'wrk_1' }]);
    expect(refusal(run.state, { type: 'lease', step: '@exit', workerId: 'w', sessionId: 's' })).toBe(
      'illegal_transition',
    );
    expect(run.act(cancel)).toEqual([]);
    run.finish('@success', { status: 'cancelled' });
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['succeeded', ['@success cancelled', '@exit cancelled']]);
  });

  it('ends the run at once when nobody holds any', () => {
    const run = start(dagWith({ success: {}, exit: {} }));
    runThrough(run, 'a', 'b');
    run.settle();
    run.act(cancel);
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['succeeded', ['@success cancelled', '@exit cancelled']]);
  });

  it('is another one than that which the run was cancelled by, and each is taken once', () => {
    const run = start(dagWith({ abort: {} }));
    run.act(cancel);
    expect(run.act(cancel)).toEqual([]);
    run.settle();
    run.lease('@abort');
    expect(run.settle().cancel).toEqual([]);
    expect(run.act(cancel)).toHaveLength(1);
    expect(run.settle().cancel).toHaveLength(1);
    expect(run.act(cancel)).toEqual([]);
    run.act({
      type: 'lose',
      step: '@abort',
      token: run.state.steps.get('@abort')?.lease?.token ?? 0,
      reason: 'lease_lapsed',
      started: true,
    });
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['cancelled', ['@abort cancelled']]);
  });

  it('reaches the child of a handler', () => {
    const run = startWithCalls(dagWith({ exit: { action: { kind: 'call', dag: 'child' } } }));
    runThrough(run, 'a', 'b');
    run.settle();
    run.call('@exit', 'run_c');
    run.act(cancel);
    expect(run.settle().cancelCalls).toEqual([{ step: '@exit', childRunId: 'run_c' }]);
    run.returns('@exit', { status: 'cancelled' });
    run.settle();
    expect([run.state.status, handlers(run)]).toEqual(['succeeded', ['@exit cancelled']]);
  });
});

describe('a state with handlers', () => {
  it('is refused in the format before', () => {
    const run = start(dagWith({ exit: {} }));
    const text = encodeRunState(run.state).replace('"formatVersion":3', '"formatVersion":2');
    expect(() => decodeRunState(text, run.state.dag)).toThrow(expect.objectContaining({ code: 'unprocessable' }));
  });

  it('tells handlers how the run ends', () => {
    const run = start(dagWith({ failure: {} }));
    const fields = () => ['id', 'status', 'error', 'nope'].map((field) => runFieldValue(run.state, field));
    expect(fields()).toEqual(['run_1', 'running', '', undefined]);
    run.lease('a');
    run.finish('a', failed);
    run.settle();
    expect(fields()).toEqual(['run_1', 'failed', 'step a failed: boom', undefined]);
  });
});
