import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { failed, refusal, startWithCalls } from '../../test/driven-run.ts';
import type { RunCommand, Step } from '../index.ts';
import { createRunState, decide, evolve, evolveAll, maxCallDepth, planRun, viewRun } from '../index.ts';

const callOf = (id: string, fields: Partial<Step> = {}): Step =>
  stepOf(id, { action: { kind: 'call', dag: 'child' }, ...fields });
const retryPolicy = { limit: 1, intervalMs: 500, backoff: 1, exitCodes: [] };
const command = (step: string, childRunId = 'run_x'): RunCommand => ({
  type: 'call',
  step,
  childRunId,
  dag: 'child',
  dagDigest: 'sha256:0c',
});

describe('a call', () => {
  it('is planned for nobody to lease, waits while its child runs and takes the outputs of the child', () => {
    const run = startWithCalls(dagOf([callOf('a'), stepOf('b', { depends: ['a'] })]));
    const plan = run.settle();
    expect([plan.ready, plan.calls]).toEqual([[], [{ step: 'a', stepId: 'a', attempt: 1 }]]);
    expect(refusal(run.state, { type: 'lease', step: 'a', workerId: 'w', sessionId: 's' })).toBe('illegal_transition');
    run.call('a', 'run_c');
    expect([run.settle().calls, run.state.leases]).toEqual([[], 1]);
    expect(viewRun(run.state).steps[0]).toMatchObject({ status: 'waiting', attempt: 1, childRunId: 'run_c' });
    expect(run.state.steps.get('a')?.call).toEqual({
      childRunId: 'run_c',
      dag: 'child',
      dagDigest: 'sha256:0c',
      calledAt: 1_000,
    });
    run.returns('a', { status: 'succeeded' }, 1_500, { n: { inline: 4 } });
    expect([run.settle().ready.map(({ step }) => step), run.state.leases]).toEqual([['b'], 0]);
    expect(viewRun(run.state).steps[0]).toMatchObject({
      status: 'succeeded',
      outputs: { n: 4 },
      childRunId: 'run_c',
      startedAt: new Date(1_000).toISOString(),
      finishedAt: new Date(1_500).toISOString(),
    });
  });

  it('is refused for a step of another kind, a name that admission did not fix, a child used before, and twice at once', () => {
    const run = startWithCalls(dagOf([callOf('a', { retryPolicy }), stepOf('b'), callOf('c', { depends: ['a'] })]));
    expect(refusal(run.state, command('b'))).toBe('illegal_transition');
    expect(refusal(run.state, command('c'))).toBe('illegal_transition');
    expect(refusal(run.state, command('gone'))).toBe('illegal_transition');
    expect(refusal(run.state, { ...command('a'), dagDigest: 'sha256:0d' } as RunCommand)).toBe('illegal_transition');
    expect(refusal(run.state, { ...command('a'), dag: 'toString' } as RunCommand)).toBe('illegal_transition');
    run.call('a', 'run_1');
    expect(refusal(run.state, command('a'))).toBe('illegal_transition');
    run.returns('a', failed);
    expect(refusal(run.state, command('a', 'run_2'), 1_499)).toBe('illegal_transition');
    expect(refusal(run.state, command('a', 'run_1'), 1_500)).toBe('illegal_transition');
    expect(refusal(run.state, command('a', 'run_2'), 1_500)).toBe('accepted');
  });

  it('whose child failed has another child after the backoff, then fails with the error of the last', () => {
    const run = startWithCalls(dagOf([callOf('a', { retryPolicy })]));
    run.call('a', 'run_1');
    run.returns('a', failed, 1_000);
    const waiting = run.settle(1_000);
    expect([waiting.calls, waiting.dueAt]).toEqual([[], 1_500]);
    expect(run.settle(1_500).calls).toEqual([{ step: 'a', stepId: 'a', attempt: 2 }]);
    run.call('a', 'run_2', 1_500);
    expect(run.state.steps.get('a')).not.toHaveProperty('notBefore');
    run.returns('a', failed, 1_600);
    run.settle(1_600);
    expect(viewRun(run.state)).toMatchObject({ status: 'failed', error: { message: 'step a failed: boom' } });
    expect(run.state.steps.get('a')?.attempt).toBe(2);
  });

  it('that failed under continue_on lets the run go on', () => {
    const continueOn = { failure: true, skipped: false, exitCodes: [], output: [], markSuccess: false };
    const run = startWithCalls(dagOf([callOf('a', { continueOn }), stepOf('b', { depends: ['a'] })]));
    run.call('a', 'run_1');
    run.returns('a', failed);
    expect(run.settle().ready.map(({ step }) => step)).toEqual(['b']);
  });

  it('takes a child that somebody cancelled by itself as failed', () => {
    const run = startWithCalls(dagOf([callOf('a')]));
    run.call('a', 'run_1');
    run.returns('a', { status: 'cancelled' });
    run.settle();
    expect(run.state.error).toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('DAG "child" (run run_1) was cancelled') as string,
    });
  });

  it('knows no child but its own: a repetition, one of an earlier attempt and one of a run that is over change nothing', () => {
    const run = startWithCalls(dagOf([callOf('a', { retryPolicy })]));
    run.call('a', 'run_1');
    const first = run.returnCommand('a', { status: 'succeeded' });
    run.returns('a', failed, 1_000);
    expect(run.act(first)).toEqual([]);
    run.call('a', 'run_2', 1_500);
    expect(run.act(first)).toEqual([]);
    expect(run.act({ ...first, step: 'gone' } as RunCommand)).toEqual([]);
    const second = run.returnCommand('a', { status: 'succeeded' });
    run.act(second);
    expect(run.act(second)).toEqual([]);
    run.settle();
    expect(run.act({ ...second, result: { outcome: failed, outputs: {}, durationMs: 1 } } as RunCommand)).toEqual([]);
    expect(run.state.status).toBe('succeeded');
  });

  it('is not ended by a fact about another child', () => {
    const run = startWithCalls(dagOf([callOf('a')]));
    run.call('a', 'run_1');
    const result = { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 } as const;
    evolve(run.state, { type: 'step_returned', v: 1, at: 1, step: 'a', attempt: 1, childRunId: 'run_0', result });
    expect([run.state.steps.get('a')?.status, run.state.leases]).toEqual(['waiting', 1]);
  });

  it('cannot end as an attempt of a worker might', () => {
    const run = startWithCalls(dagOf([callOf('a')]));
    run.call('a', 'run_1');
    for (const status of ['skipped', 'released'] as const)
      expect(refusal(run.state, run.returnCommand('a', { status }))).toBe('illegal_transition');
  });

  it('is neither failed, skipped nor lost from outside while its child runs', () => {
    const run = startWithCalls(dagOf([callOf('a')]));
    run.call('a', 'run_1');
    const error = { code: 'internal', message: 'no' } as const;
    expect(refusal(run.state, { type: 'fail_step', step: 'a', error })).toBe('illegal_transition');
    expect(refusal(run.state, { type: 'skip_step', step: 'a' })).toBe('illegal_transition');
    expect(run.act({ type: 'lose', step: 'a', token: 3, reason: 'lease_lapsed', started: true })).toEqual([]);
  });

  it('of a precondition that is not met is skipped, when its turn has come', () => {
    const run = startWithCalls(dagOf([callOf('a'), callOf('b', { depends: ['a'] })]));
    expect(refusal(run.state, { type: 'skip_step', step: 'b' })).toBe('illegal_transition');
    expect(run.act({ type: 'skip_step', step: 'a' })).toEqual([
      { type: 'step_skipped', v: 1, at: 1_000, step: 'a', reason: 'precondition_not_met' },
    ]);
    run.settle();
    expect(viewRun(run.state).steps.map(({ status, skipReason }) => [status, skipReason])).toEqual([
      ['skipped', 'precondition_not_met'],
      ['skipped', 'upstream_skipped'],
    ]);
    expect(run.state.status).toBe('succeeded');
  });

  it('nested deeper than sixteen calls fails for good, and the sixteenth does not', () => {
    const dag = dagOf([callOf('a', { retryPolicy })]);
    const at = (depth: number) => {
      const source = { kind: 'call', parentRunId: 'p', step: 'x', attempt: 1, rootRunId: 'r', depth } as const;
      return startWithCalls(dag, { source });
    };
    expect(at(maxCallDepth - 1).call('a', 'run_1')[0]?.type).toBe('step_called');
    const deepest = at(maxCallDepth);
    expect(deepest.call('a', 'run_1')).toMatchObject([{ type: 'step_failed', error: { code: 'resource_exhausted' } }]);
    deepest.settle();
    expect([deepest.state.status, deepest.state.leases]).toEqual(['failed', 0]);
  });
});

describe('a fan-out of calls', () => {
  const fanout = (fields: Partial<Step> = {}, count = 3, maxConcurrent = 2) => {
    const run = startWithCalls(dagOf([callOf('f', { foreach: { items: '${params.x}', maxConcurrent }, ...fields })]));
    expect(refusal(run.state, command('f'))).toBe('illegal_transition');
    run.act({ type: 'expand', step: 'f', count, items: { inline: [] } });
    return run;
  };
  const called = (run: ReturnType<typeof fanout>, now = 1_000) => run.settle(now).calls.map(({ step }) => step);

  it('has at most max_concurrent children at once', () => {
    const run = fanout();
    expect(called(run)).toEqual(['f[0]', 'f[1]']);
    run.call('f[0]', 'run_0');
    expect(called(run)).toEqual(['f[1]']);
    run.call('f[1]', 'run_1');
    expect(called(run)).toEqual([]);
    expect(refusal(run.state, command('f[2]'))).toBe('illegal_transition');
    run.returns('f[1]');
    expect(called(run)).toEqual(['f[2]']);
    run.call('f[2]', 'run_2');
    run.returns('f[0]');
    run.returns('f[2]');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });

  it('calls an item again after its backoff, before those never called', () => {
    const run = fanout({ retryPolicy }, 3, 1);
    run.call('f[0]', 'run_0');
    run.returns('f[0]', failed);
    expect(called(run)).toEqual(['f[1]']);
    expect(called(run, 1_500)).toEqual(['f[0]']);
  });

  it('skips single items and fails single items', () => {
    const run = fanout();
    run.act({ type: 'skip_step', step: 'f[0]' });
    run.call('f[1]', 'run_1');
    run.returns('f[1]', failed);
    run.call('f[2]', 'run_2');
    run.returns('f[2]');
    run.settle();
    expect(viewRun(run.state).steps[0]).toMatchObject({
      items: { count: 3, skipped: 1, failed: 1, succeeded: 1 },
      error: { message: '1 of 3 items failed; first f[1]: boom' },
    });
  });

  it('is bounded in one plan apart from tasks for workers', () => {
    const run = startWithCalls(
      dagOf([
        ...Array.from({ length: 3 }, (_, index) => stepOf(`w${index}`)),
        callOf('f', { foreach: { items: [], maxConcurrent: 9 } }),
      ]),
    );
    run.act({ type: 'expand', step: 'f', count: 5, items: { inline: [] } });
    const plan = planRun(run.state, 1_000, 2);
    expect([plan.ready.length, plan.calls.length]).toEqual([2, 2]);
  });
});

describe('a cancel', () => {
  it('reaches every child and ends the run when each of them has ended', () => {
    const run = startWithCalls(
      dagOf([callOf('a'), callOf('f', { foreach: { items: [], maxConcurrent: 1 } }), callOf('never'), stepOf('w')]),
    );
    run.act({ type: 'expand', step: 'f', count: 2, items: { inline: [] } });
    run.call('a', 'run_a');
    run.call('f[0]', 'run_f');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    const plan = run.settle();
    expect(plan.cancelCalls).toEqual([
      { step: 'a', childRunId: 'run_a' },
      { step: 'f[0]', childRunId: 'run_f' },
    ]);
    expect([plan.calls, plan.cancel]).toEqual([[], []]);
    expect(run.state.steps.get('never')?.status).toBe('cancelled');
    expect(refusal(run.state, command('never'))).toBe('illegal_transition');
    expect(refusal(run.state, { type: 'skip_step', step: 'never' })).toBe('illegal_transition');
    run.returns('a', { status: 'cancelled' });
    expect(run.settle().cancelCalls).toEqual([{ step: 'f[0]', childRunId: 'run_f' }]);
    run.returns('f[0]', { status: 'succeeded' });
    run.settle();
    expect([run.state.status, run.state.leases]).toEqual(['cancelled', 0]);
  });

  it('lets a child that failed meanwhile end the step, without another attempt', () => {
    const run = startWithCalls(dagOf([callOf('a', { retryPolicy })]));
    run.call('a', 'run_a');
    run.act({ type: 'cancel', by: 'someone', reason: 'requested' });
    expect(run.returns('a', failed)[0]).not.toHaveProperty('retryAt');
    run.settle();
    expect(run.state.status).toBe('failed');
  });
});

describe('a called run', () => {
  it('shows its parent and root, the DAGs of its tree, and the memory that it sees', () => {
    const calls = { 'sha256:00': { child: 'sha256:0c' }, 'sha256:0c': { sample: 'sha256:ee', leaf: 'sha256:0d' } };
    const source = {
      kind: 'call',
      parentRunId: 'run_p',
      step: 'x[1]',
      attempt: 2,
      rootRunId: 'run_r',
      depth: 3,
    } as const;
    const run = startWithCalls(dagOf([callOf('a')]), { source }, { calls, memory: { global: 4 } });
    expect(viewRun(run.state)).toMatchObject({ parentRunId: 'run_p', rootRunId: 'run_r', memory: { global: 4 } });
    expect(viewRun(run.state).dags).toEqual({ sample: 'sha256:00', child: 'sha256:0c', leaf: 'sha256:0d' });
  });

  it('that calls nothing and remembers nothing shows neither', () => {
    const view = viewRun(startWithCalls(dagOf([stepOf('a')]), {}, {}).state);
    for (const name of ['dags', 'memory', 'handlers', 'parentRunId', 'rootRunId'])
      expect(view).not.toHaveProperty(name);
  });

  it.each([
    [5_000, undefined, 5_000],
    [undefined, 7_000, 7_000],
    [5_000, 7_000, 5_000],
    [7_000, 5_000, 5_000],
  ])('asked to end in %s ms, of a DAG that says %s, is given %s', (asked, declared, given) => {
    const dag = dagOf([stepOf('a')], declared === undefined ? {} : { timeoutMs: declared });
    const run = startWithCalls(dag, asked === undefined ? {} : { timeoutMs: asked });
    expect(run.settle().dueAt).toBe(1_000 + given);
    run.settle(1_000 + given);
    expect(run.state.error?.message).toBe(`the run took longer than its timeout of ${given / 1_000} s`);
  });

  it('keeps that its input is not trusted', () => {
    expect(startWithCalls(dagOf([stepOf('a')]), { untrustedInput: true }).state.untrustedInput).toBe(true);
    expect(startWithCalls(dagOf([stepOf('a')])).state).not.toHaveProperty('untrustedInput');
  });
});

it('a retry run keeps what a child returned', () => {
  const state = createRunState('default', 'run_2', dagOf([callOf('a'), stepOf('b', { depends: ['a'] })]));
  const result = { outcome: { status: 'succeeded' }, outputs: { n: { inline: 1 } }, durationMs: 3 } as const;
  const submit: RunCommand = {
    type: 'submit',
    dagDigest: 'sha256:00',
    params: {},
    routingContext: {},
    priority: 0,
    source: { kind: 'retry', retryOf: 'run_1' },
    kept: [{ step: 'a', result, attempt: 1 }],
  };
  for (const each of [submit, { type: 'admit', agents: {} } as const]) {
    const decision = decide(state, each, 5);
    if (decision.ok) evolveAll(state, decision.value);
  }
  expect([planRun(state, 5).calls, planRun(state, 5).ready.map(({ step }) => step)]).toEqual([[], ['b']]);
});
