import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { refusal, start } from '../../test/driven-run.ts';
import type { RunCommand } from '../index.ts';
import { encodeRunState, findTarget } from '../index.ts';

const ask = (token: number, fields: object = {}): RunCommand => ({
  type: 'release_secret',
  step: 'a',
  token,
  workerId: 'wrk_1',
  secret: 'key',
  ...fields,
});

describe('a secret', () => {
  it('is released to the holder of the lease, on record under its attempt and token', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    expect(run.act(ask(token), 1_200)).toEqual([
      { type: 'secret_released', v: 1, at: 1_200, step: 'a', attempt: 1, token, workerId: 'wrk_1', secret: 'key' },
    ]);
  });

  it('is recorded once for a lease, and again for the next', () => {
    const run = start(dagOf([stepOf('a')]));
    const first = run.lease('a');
    run.act(ask(first));
    expect(run.act(ask(first))).toEqual([]);
    expect(run.act(ask(first, { secret: 'other' }))).toHaveLength(1);
    expect(run.act(ask(first))).toEqual([]);
    run.act({ type: 'lose', step: 'a', token: first, reason: 'worker_exited', started: true });
    const second = run.lease('a');
    expect(run.act(ask(second))).toMatchObject([{ attempt: 2, token: second }]);
  });

  it('is refused to anybody else: another token, another worker, a lease that ended, a step that nobody holds', () => {
    const run = start(dagOf([stepOf('a'), stepOf('b')]));
    const token = run.lease('a');
    const refused = [
      ask(token - 1),
      ask(token + 1),
      ask(token, { workerId: 'wrk_2' }),
      ask(token, { step: 'b' }),
      ask(token, { step: 'gone' }),
    ];
    for (const command of refused) expect(refusal(run.state, command)).toBe('stale_fencing_token');
    run.finish('a');
    expect(refusal(run.state, ask(token))).toBe('stale_fencing_token');
    run.lease('b');
    run.finish('b');
    run.settle();
    expect(refusal(run.state, ask(token))).toBe('stale_fencing_token');
  });

  it('is released while the run is being stopped: the lease is live', () => {
    const run = start(dagOf([stepOf('a')]));
    const token = run.lease('a');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    expect(run.act(ask(token))).toHaveLength(1);
  });

  it('changes nothing of the plan, and its name survives in the state', () => {
    const run = start(dagOf([stepOf('f', { foreach: { items: [1], maxConcurrent: 1 } })]));
    run.act({ type: 'expand', step: 'f', count: 1, items: { inline: [1] } });
    const token = run.lease('f[0]');
    const plan = run.settle();
    run.act(ask(token, { step: 'f[0]' }));
    expect(run.settle()).toEqual(plan);
    expect(findTarget(run.state, 'f[0]')?.target.lease?.released).toEqual(['key']);
    expect(encodeRunState(run.state)).toContain('"released":["key"]');
  });
});
