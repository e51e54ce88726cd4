import { describe, expect, it } from 'vitest';
import { failed, refusal, start, startWithCalls } from '../../test/driven-run.ts';
import {
  cancel,
  dagWith,
  type HandlerFields,
  handlers,
  ready,
  runThrough,
  tolerant,
  types,
} from '../../test/handler-run.ts';
import type { RunCommand } from '../index.ts';
import { decodeRunState, encodeRunState, isStopping, runFieldValue, viewRun } from '../index.ts';

describe('the handlers that follow', () => {
  const all: HandlerFields = { init: {}, success: {}, failure: {}, abort: {}, exit: {} };

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
    // The run itself was not asked to stop.
    expect([run.state.cancel, run.state.closing?.cancel?.by]).toEqual([undefined, 'someone']);
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
    const text = encodeRunState(run.state).replace('"formatVersion":4', '"formatVersion":2');
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
