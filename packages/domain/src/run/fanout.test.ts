import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { failed, refusal, start } from '../../test/driven-run.ts';
import { viewRun } from '../index.ts';

describe('a fan-out', () => {
  const fanout = (count: number, maxConcurrent: number) => {
    const run = start(
      dagOf([stepOf('f', { foreach: { items: '${params.x}', maxConcurrent } }), stepOf('g', { depends: ['f'] })]),
    );
    expect(run.settle().expand).toEqual(['f']);
    run.act({ type: 'expand', step: 'f', count, items: { inline: [] } });
    return run;
  };

  it('leases at most max_concurrent items at once, in item order', () => {
    const run = fanout(5, 2);
    expect(run.settle().ready.map((task) => task.step)).toEqual(['f[0]', 'f[1]']);
    run.lease('f[0]');
    run.lease('f[1]');
    expect(run.settle().ready).toEqual([]);
    expect(refusal(run.state, { type: 'lease', step: 'f[2]', workerId: 'w', sessionId: 's' })).toBe(
      'illegal_transition',
    );
    run.finish('f[0]');
    expect(run.settle().ready.map((task) => task.step)).toEqual(['f[2]']);
  });

  it('offers an item that was leased out of order and the ones before it', () => {
    const run = fanout(4, 4);
    run.lease('f[2]');
    expect(run.settle().ready.map((task) => task.step)).toEqual(['f[0]', 'f[1]', 'f[3]']);
  });

  it('succeeds at once when it has no items', () => {
    const run = fanout(0, 2);
    expect(run.settle().ready.map((task) => task.step)).toEqual(['g']);
  });

  it('runs all items and then fails when one failed', () => {
    const run = fanout(3, 3);
    for (const item of ['f[0]', 'f[1]', 'f[2]']) run.lease(item);
    run.finish('f[1]', failed);
    run.finish('f[0]');
    expect(run.state.steps.get('f')?.status).toBe('running');
    run.finish('f[2]');
    run.settle();
    expect(run.state.steps.get('f')?.error?.message).toBe('1 of 3 items failed; first f[1]: boom');
    expect(viewRun(run.state).steps[0]?.items).toEqual({ count: 3, succeeded: 2, failed: 1 });
    expect(run.state.status).toBe('failed');
  });

  it('cancels open items and waits for the held one', () => {
    const run = fanout(3, 1);
    const token = run.lease('f[0]');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    expect(run.settle().cancel).toEqual([{ step: 'f[0]', token, workerId: 'wrk_1' }]);
    run.finish('f[0]', { status: 'cancelled' });
    run.settle();
    expect(run.state.status).toBe('cancelled');
  });
});
