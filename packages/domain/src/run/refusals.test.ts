import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { admit, refusal, start, submit } from '../../test/driven-run.ts';
import type { RunCommand } from '../index.ts';
import { findTarget } from '../index.ts';

describe('a run', () => {
  it('refuses a result that names another attempt, under whatever token', () => {
    const run = start(dagOf([stepOf('a')]));
    const command = run.resultCommand('a', run.lease('a'), { status: 'succeeded' });
    if (command.type !== 'finish') throw new Error('no result');
    const other = { ...command, result: { ...command.result, attempt: 2 } };
    expect(refusal(run.state, other)).toBe('stale_fencing_token');
  });

  it('ignores a loss under a token that is not the current one', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    expect(run.act({ type: 'lose', step: 'a', token: token - 1, reason: 'lease_lapsed', started: true })).toEqual([]);
    run.finish('a');
    expect(run.act({ type: 'lose', step: 'a', token, reason: 'lease_lapsed', started: true })).toEqual([]);
  });

  it('is submitted once', () => {
    const run = start(dagOf([stepOf('a')]));
    expect(refusal(run.state, submit)).toBe('illegal_transition');
    expect(refusal(run.state, admit)).toBe('illegal_transition');
  });

  it('leases nothing while it is being cancelled or when it is over, and takes no result then', () => {
    const run = start(dagOf([stepOf('a'), stepOf('b')]));
    const lease = (step: string): RunCommand => ({ type: 'lease', step, workerId: 'w', sessionId: 's' });
    const token = run.lease('a');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    expect(refusal(run.state, lease('b'))).toBe('illegal_transition');
    run.act({ type: 'lose', step: 'a', token, reason: 'worker_exited', started: false });
    expect(refusal(run.state, lease('a'))).toBe('illegal_transition');
    run.settle();
    expect(run.state.status).toBe('cancelled');
    const late = run.resultCommand('a', token, { status: 'succeeded' });
    expect(refusal(run.state, late)).toBe('stale_fencing_token');
    expect(refusal(run.state, { type: 'reject', error: { code: 'internal', message: '' } })).toBe('illegal_transition');
  });

  it('fails no step from outside that a worker holds, or whose items it may hold', () => {
    const error = { code: 'internal', message: 'no' } as const;
    const run = start(dagOf([stepOf('a'), stepOf('f', { foreach: { items: [1], maxConcurrent: 1 } })]));
    run.lease('a');
    run.act({ type: 'expand', step: 'f', count: 1, items: { inline: [1] } });
    for (const step of ['a', 'f', 'x'])
      expect(refusal(run.state, { type: 'fail_step', step, error })).toBe('illegal_transition');
    run.lease('f[0]');
    expect(refusal(run.state, { type: 'fail_step', step: 'f[0]', error })).toBe('illegal_transition');
  });

  it('knows an item by one path only', () => {
    const run = start(dagOf([stepOf('f', { foreach: { items: [1], maxConcurrent: 1 } })]));
    run.act({ type: 'expand', step: 'f', count: 1, items: { inline: [1] } });
    for (const path of ['f[]', 'f[00]', 'f[ 0]', 'f[0x0]', 'f[-0]', 'f[0', 'f[1]']) {
      expect(findTarget(run.state, path), path).toBeUndefined();
    }
    expect(findTarget(run.state, 'f[0]')?.index).toBe(0);
  });
});
