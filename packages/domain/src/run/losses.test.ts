import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep, startAgent, turnOf } from '../../test/agent-run.ts';
import type { RunCommand } from '../index.ts';
import { deliveryRecords, viewStep } from '../index.ts';

type Lose = Partial<Extract<RunCommand, { readonly type: 'lose' }>>;

const go = (run: ReturnType<typeof startAgent>, fields: Lose = {}, turns: readonly number[] = []) => {
  const now = Math.max(1_000, run.target('a').notBefore ?? 0);
  run.lease('a', now);
  if (turns.length > 0)
    run.record(
      'a',
      turns.map((turn) => turnOf(turn)),
      now,
    );
  return run.lose('a', fields, now)[0];
};

describe('a worker that is lost', () => {
  it('is charged to the step only if it made no progress since the loss before', () => {
    const run = startAgent();
    for (let turn = 1; turn <= 5; turn += 1) go(run, {}, [turn]);
    expect(run.target('a')).toMatchObject({ status: 'ready', losses: 0, progress: { turns: 5 } });
    go(run);
    go(run);
    expect(go(run)).toMatchObject({ error: { code: 'unavailable' }, deadLetter: 'poison' });
    expect(run.target('a')).toMatchObject({ status: 'failed', deadLetter: 'poison', losses: 3 });
    expect(viewStep(undefined, run.target('a'))).toMatchObject({
      deadLetter: 'poison',
      losses: { execution: 3, transport: 0 },
      progress: { turns: 5, toolCalls: 0 },
    });
  });

  it('does not get on by beginning anew: an agent that always dies at the same turn is poison', () => {
    const run = startAgent();
    go(run, {}, [1, 2]);
    const again = () => {
      run.lease('a');
      run.record('a', [{ type: 'restart', reason: 'no tree' }, turnOf(1), turnOf(2)]);
      return run.lose('a')[0];
    };
    again();
    again();
    expect(again()).toMatchObject({ deadLetter: 'poison' });
  });

  it('is counted apart when other tasks were lost with it, and is poison all the same after ten', () => {
    const run = startAgent();
    for (let loss = 0; loss < 9; loss += 1) expect(go(run, { shared: true })).not.toHaveProperty('error');
    expect(run.target('a')).toMatchObject({ losses: 0, sharedLosses: 9 });
    expect(go(run, { shared: true })).toMatchObject({ shared: true, deadLetter: 'poison' });
  });

  it('is no loss when the worker was busy or told to leave', () => {
    const run = startAgent();
    for (let times = 0; times < 30; times += 1)
      go(run, { reason: times % 2 === 0 ? 'refused' : 'drained', started: false, random: 1 });
    expect(run.target('a')).toMatchObject({ status: 'ready', losses: 0, unstartedLosses: 0, attempt: 1 });
  });

  it('ends a step before its start only after twenty times in a row: that is no poison', () => {
    const run = startAgent();
    for (let loss = 0; loss < 19; loss += 1) go(run, { started: false });
    expect(go(run, { started: false })).toMatchObject({ deadLetter: 'transport_exhausted' });
  });

  it('ends a step that must not run twice, and that is no dead letter', () => {
    const run = startAgent(dagOf([stepOf('a', { onWorkerLoss: 'fail' })]));
    expect(go(run, {})).not.toHaveProperty('deadLetter');
    expect(run.target('a')).toMatchObject({ status: 'failed' });
    expect(deliveryRecords(run.state, run.log)).toEqual({ deadLetters: [], events: [] });
  });
});

describe('the next lease', () => {
  it('is at once after the first loss, then after full jitter from 1 s, doubled, to 60 s', () => {
    const run = startAgent(dagOf([stepOf('a')]));
    const delays: number[] = [];
    for (let loss = 0; loss < 10; loss += 1) {
      const now = Math.max(1_000, run.target('a').notBefore ?? 0);
      go(run, { started: false, random: 1 });
      delays.push((run.target('a').notBefore ?? now) - now);
    }
    expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('waits as `retrying` with a due time, scaled by chance, and not at all after progress or in a run that stops', () => {
    const run = startAgent();
    go(run, { random: 0.25 });
    expect(go(run, { random: 0.25 })).toMatchObject({ retryAt: 1_250 });
    expect(run.target('a')).toMatchObject({ status: 'retrying', notBefore: 1_250 });
    expect(run.settle(1_000)).toMatchObject({ ready: [], dueAt: 1_250 });
    expect(run.settle(1_250).ready).toHaveLength(1);
    expect(go(run, { random: 1 }, [1])).not.toHaveProperty('retryAt');
    run.lease('a', 2_000);
    run.act({ type: 'cancel', by: 'x', reason: 'requested' }, 2_000);
    const [fact] = run.lose('a', { started: false, random: 1 }, 2_000);
    expect(fact).not.toHaveProperty('retryAt');
    expect(run.target('a').status).toBe('cancelled');
  });

  it('of one item does not keep the others back', () => {
    const dag = dagOf([agentStep('f', { foreach: { items: [1, 2], maxConcurrent: 2 } })]);
    const run = startAgent(dag);
    run.act({ type: 'expand', step: 'f', count: 2, items: { inline: [1, 2] } });
    for (let times = 0; times < 2; times += 1) {
      run.lease('f[0]');
      run.lose('f[0]', { random: 1 });
    }
    expect(run.settle()).toMatchObject({ ready: [{ step: 'f[1]' }], dueAt: 2_000 });
  });
});
