import { describe, expect, test } from 'vitest';
import {
  ada,
  after,
  breachedTest,
  canary,
  evaluator,
  evidenceOf,
  experiment,
  problemsOf,
  start,
  startOf,
} from '../../test/rollout-samples.ts';
import { decideRollout, type RolloutCommand } from './decide-rollout.ts';
import { type RolloutRecord, type RolloutStatus, totalParts } from './rollout-record.ts';
import { routingSegments } from './segments.ts';
import { parseWeight } from './weights.ts';

const plan = startOf(canary());
const half = startOf(canary({ weight: 0.5 }));
const trial = startOf(experiment([0.25, 0.25]));
const refused = expect.objectContaining({ code: 'illegal_transition' });
const invalid = expect.objectContaining({ code: 'invalid_argument' });
const parts = (weight: number): readonly number[] => [totalParts - parseWeight(weight), parseWeight(weight)];
const evidence = evidenceOf([900, 30]);

const commands: readonly RolloutCommand[] = [
  { type: 'activate' },
  { type: 'set_weight', parts: parts(0.1) },
  { type: 'change', onNoData: 'ignore' },
  { type: 'advance', evidence },
  { type: 'approve' },
  { type: 'pause', reason: 'srm_alarm', evidence },
  { type: 'resume' },
  { type: 'promote', arm: 1 },
  { type: 'complete', evidence },
  { type: 'rollback', reason: 'regression', evidence },
  { type: 'cancel', reason: 'requested' },
  { type: 'breached', rule: 'error', evidence },
  { type: 'replay', status: 'passed' },
  { type: 'policy_done' },
];

/** A record in each status, in which nothing but the status stands in the way of a command. */
const inStatus = (status: RolloutStatus): RolloutRecord => ({
  ...startOf(canary({ steps: [{ weight: 0.1, gate: 'approval' }, { weight: 1 }] })),
  status,
  ...(status === 'rolled_back' ? { policyPending: true } : {}),
  ...(status === 'draft' ? { replayGate: { replayId: 'rep_1', status: 'running' as const } } : {}),
});

const possible = (status: RolloutStatus): string[] =>
  commands.flatMap((command) => {
    let record = inStatus(status);
    if (command.type === 'activate') record = { ...record, replayGate: { replayId: 'rep_1', status: 'passed' } };
    if (command.type === 'advance') record = { ...record, stepApproved: { by: 'ada', at: start } };
    if (command.type === 'complete') record = { ...record, stepIndex: 1 };
    try {
      decideRollout(record, command, ada, start + 1);
      return [command.type];
    } catch (thrown) {
      expect(thrown).toEqual(refused);
      return [];
    }
  });

describe('what a status allows', () => {
  test.each([
    ['draft', ['activate', 'set_weight', 'change', 'rollback', 'cancel', 'replay']],
    [
      'active',
      ['set_weight', 'change', 'advance', 'approve', 'pause', 'promote', 'complete', 'rollback', 'cancel', 'breached'],
    ],
    ['paused', ['set_weight', 'change', 'approve', 'resume', 'promote', 'rollback', 'cancel', 'breached']],
    ['completed', []],
    ['rolled_back', ['policy_done']],
    ['cancelled', []],
  ] as const)('[defect 24] %s: %j (I3)', (status, expected) => {
    expect(possible(status)).toEqual(expected);
  });

  test('is also a matter of time: a clock that goes back moves no instant back', () => {
    const paused = decideRollout(half, { type: 'pause', reason: 'requested' }, ada, start - 5_000).record;
    expect(paused.updatedAt).toBe(start);
  });
});

describe('a weight set by hand', () => {
  test('[defect 52] raises revision and epoch, and routes by it, also at 0 and at 1', () => {
    for (const weight of [0, 0.3, 1]) {
      const { record, event } = decideRollout(half, { type: 'set_weight', parts: parts(weight) }, ada, start + 5);
      expect(record).toMatchObject({ revision: 2, epoch: 2, updatedAt: start + 5, status: 'active' });
      expect(record.epochs.at(-1)).toEqual({ epoch: 2, at: start + 5, parts: parts(weight) });
      expect(record.arms.map((arm) => arm.parts)).toEqual(parts(weight));
      expect(event).toMatchObject({ type: 'weight_set', revision: 2 });
    }
  });

  test('that is the same keeps the epoch and the clock of the step', () => {
    const same = after(plan, { type: 'set_weight', parts: plan.arms.map((arm) => arm.parts) });
    expect(same).toMatchObject({ revision: 2, epoch: 1, stepStartedAt: start });
    expect(same.epochs).toHaveLength(1);
  });

  test('puts the plan on the last step that is not above it, and begins that step anew', () => {
    const at = (weight: number): RolloutRecord =>
      decideRollout(plan, { type: 'set_weight', parts: parts(weight), evidence }, ada, start + 9_000).record;
    expect(at(0.1)).toMatchObject({ stepIndex: 2, stepStartedAt: start + 9_000, stepStartUnits: 30 });
    expect(at(0.0001).stepIndex).toBe(0);
    const next = after(at(0.1), { type: 'advance', evidence });
    expect(next.arms[1]?.parts).toBe(parseWeight(0.25));
    const first = after(at(0.0001), { type: 'advance', evidence });
    expect(first).toMatchObject({ stepIndex: 0 });
    expect(first.arms[1]?.parts).toBe(parseWeight(0.001));
  });

  test('of everything does not jump over the test of the promotion', () => {
    const all = after(plan, { type: 'set_weight', parts: parts(1) });
    expect(all.stepIndex).toBe(4);
    expect(() => after(all, { type: 'complete', evidence })).toThrow(refused);
    expect(after(all, { type: 'advance', evidence }, { type: 'complete', evidence }).status).toBe('completed');
  });

  test('of an experiment moves as few units as possible', () => {
    const [a = 0, b = 0, c = 0] = trial.arms.map((arm) => arm.parts);
    const moved = after(trial, { type: 'set_weight', parts: [a - 1_000, b, c + 1_000] });
    expect(moved.segments).toEqual([
      { lo: 0, hi: a - 1_000, arm: 0 },
      { lo: a - 1_000, hi: a, arm: 2 },
      { lo: a, hi: a + b, arm: 1 },
      { lo: a + b, hi: totalParts, arm: 2 },
    ]);
  });

  test('that is none of this rollout is refused', () => {
    for (const wrong of [[totalParts], [totalParts, 0, 0], [totalParts, 1], [Number.NaN, 0]]) {
      expect(() => after(half, { type: 'set_weight', parts: wrong })).toThrow(invalid);
    }
  });
});

describe('a plan', () => {
  test('goes step by step and ends with the promotion of the candidate', () => {
    let record = plan;
    for (let step = 1; step < 6; step += 1) {
      record = after(record, { type: 'advance', evidence: evidenceOf([100, step * 10]) });
      expect(record).toMatchObject({ stepIndex: step, epoch: step + 1, stepStartUnits: step * 10 });
      expect(record.stepStartedAt).toBe(record.updatedAt);
    }
    expect(() => after(record, { type: 'advance', evidence })).toThrow(refused);
    const { record: over, event } = decideRollout(record, { type: 'complete', evidence }, evaluator, start + 99_000);
    expect(over).toMatchObject({ status: 'completed', winner: 1, statusReason: 'gate_passed', evidence });
    expect(over.completedAt).toBe(start + 99_000);
    expect(event.type).toBe('completed');
  });

  test('does not end before its last step', () => {
    expect(() => after(plan, { type: 'complete', evidence })).toThrow(refused);
    expect(() => after(half, { type: 'complete', evidence })).toThrow(refused);
    expect(() => after(half, { type: 'advance', evidence })).toThrow(refused);
  });

  test('waits for a person where a step says so; the next step needs its own approval', () => {
    const steps = [
      { weight: 0.1, gate: 'approval' },
      { weight: 1, gate: 'approval' },
    ] as const;
    const waiting = startOf(canary({ steps }));
    expect(() => after(waiting, { type: 'advance', evidence })).toThrow(refused);
    const approved = after(waiting, { type: 'approve' });
    expect(approved.stepApproved).toEqual({ by: 'ada', at: start + 1_000 });
    expect(() => after(approved, { type: 'approve' })).toThrow(refused);
    const second = after(approved, { type: 'advance', evidence });
    expect(second.stepApproved).toBeUndefined();
    expect(() => after(second, { type: 'complete', evidence })).toThrow(refused);
    expect(after(second, { type: 'approve' }, { type: 'complete', evidence }).status).toBe('completed');
    expect(() => after(plan, { type: 'approve' })).toThrow(refused);
  });
});

describe('a pause', () => {
  const paused = decideRollout(
    half,
    { type: 'pause', reason: 'circuit_breaker', evidence },
    evaluator,
    start + 60_000,
  ).record;

  test('[defect 52] sends everything to stable, keeps the weights, and is an epoch of its own', () => {
    expect(paused).toMatchObject({ status: 'paused', epoch: 2, statusReason: 'circuit_breaker', evidence });
    expect(routingSegments(paused)).toEqual([{ lo: 0, hi: totalParts, arm: 0 }]);
    expect(paused.arms).toEqual(half.arms);
    expect(paused.epochs.at(-1)).toEqual({ epoch: 2, at: start + 60_000, parts: [totalParts, 0] });
  });

  test('is an epoch also when nobody was exposed', () => {
    const zero = after(startOf(canary({ weight: 0 })), { type: 'pause', reason: 'requested' }, { type: 'resume' });
    expect(zero.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('costs the step and the horizon no time', () => {
    const resumed = decideRollout(paused, { type: 'resume' }, ada, start + 100_000).record;
    expect(resumed).toMatchObject({
      status: 'active',
      epoch: 3,
      stepStartedAt: start + 40_000,
      horizonAt: half.horizonAt + 40_000,
    });
    expect(routingSegments(resumed)).toEqual(half.segments);
    expect(resumed.epochs.at(-1)?.parts).toEqual(half.arms.map((arm) => arm.parts));
  });

  test('costs no time also when other things were written meanwhile', () => {
    const changed = decideRollout(paused, { type: 'change', onNoData: 'ignore' }, ada, start + 70_000).record;
    const resumed = decideRollout(changed, { type: 'resume' }, ada, start + 100_000).record;
    expect(resumed.stepStartedAt).toBe(start + 40_000);
  });

  test('during which the weight is set begins the step when it ends', () => {
    const weighed = decideRollout(paused, { type: 'set_weight', parts: parts(0.2) }, ada, start + 80_000).record;
    expect(weighed.epoch).toBe(2);
    const resumed = decideRollout(weighed, { type: 'resume' }, ada, start + 100_000).record;
    expect(resumed).toMatchObject({ stepStartedAt: start + 100_000, epoch: 3 });
    expect(resumed.epochs.at(-1)?.parts).toEqual(parts(0.2));
  });

  test('because the time was over gives a whole horizon more when it ends', () => {
    const late = decideRollout(half, { type: 'pause', reason: 'horizon_ended' }, evaluator, half.horizonAt).record;
    const resumed = decideRollout(late, { type: 'resume' }, ada, half.horizonAt + 1_000).record;
    expect(resumed.horizonAt).toBe(half.horizonAt + 1_000 + 30 * 86_400_000);
  });
});

describe('an end', () => {
  test('[defect 29] of an experiment by promotion needs its winner; there is no default', () => {
    for (const arm of [undefined, 3, -1, 0.5, Number.NaN]) {
      expect(() => after(trial, { type: 'promote', arm: arm as number })).toThrow(invalid);
    }
    expect(() => after(trial, { type: 'complete', evidence })).toThrow(refused);
    expect(after(trial, { type: 'promote', arm: 2 })).toMatchObject({ status: 'completed', winner: 2 });
    expect(after(trial, { type: 'promote', arm: 0 })).toMatchObject({ status: 'completed', winner: 0 });
    expect(() => after(half, { type: 'promote', arm: 0 })).toThrow(invalid);
  });

  test('by promotion gives all to the winner', () => {
    const won = after(half, { type: 'pause', reason: 'requested' }, { type: 'promote', arm: 1, evidence });
    expect(won.segments).toEqual([{ lo: 0, hi: totalParts, arm: 1 }]);
    expect(won.arms.map((arm) => arm.parts)).toEqual([0, totalParts]);
    expect(won).toMatchObject({ epoch: 3, evidence, statusReason: 'requested' });
  });

  test('by rollback leaves the candidates nothing, keeps the evidence, and says what is still to do', () => {
    for (const runPolicy of ['drain', 'migrate', 'abort'] as const) {
      const record = startOf(canary({ weight: 0.5, runPolicy }));
      const command = { type: 'rollback', reason: 'regression', rule: 'error', evidence } as const;
      const { record: over, event } = decideRollout(record, command, evaluator, start + 1_000);
      expect(over).toMatchObject({ status: 'rolled_back', statusReason: 'regression', epoch: 2, evidence });
      expect(over.segments).toEqual([{ lo: 0, hi: totalParts, arm: 0 }]);
      expect(over.policyPending).toBe(runPolicy === 'drain' ? undefined : true);
      expect(event).toMatchObject({ type: 'rolled_back', reason: 'regression', evidence, by: evaluator });
    }
  });

  test('leaves the copies of a forked memory to settle, whoever won; a draft had none', () => {
    const forked = startOf(canary({ weight: 0.5, memory: 'forked', steps: [{ weight: 0.5 }] }));
    const ends = [
      { type: 'promote', arm: 1 },
      { type: 'complete', evidence },
      { type: 'rollback', reason: 'requested' },
      { type: 'cancel', reason: 'superseded' },
    ] as const;
    for (const command of ends) {
      const over = after(forked, command);
      expect(over.policyPending).toBe(true);
      const { record: done, event } = decideRollout(over, { type: 'policy_done' }, evaluator, start + 9_000);
      expect(done.policyPending).toBeUndefined();
      expect(done.status).toBe(over.status);
      expect(event.explanation.decided).toBe('What the arms of the rollout of "triage" remembered is settled.');
    }
    expect(after(startOf(canary({ weight: 0.5 })), ends[0]).policyPending).toBeUndefined();
    expect(after(startOf(canary({ draft: true, memory: 'forked' })), ends[3]).policyPending).toBeUndefined();
  });

  test('is followed by one write at most: that the run policy is done', () => {
    const over = after(startOf(canary({ weight: 0.5, runPolicy: 'abort' })), { type: 'rollback', reason: 'requested' });
    const done = decideRollout(over, { type: 'policy_done' }, evaluator, start + 9_000).record;
    const { policyPending: _done, ...rest } = over;
    expect(done).toEqual({ ...rest, revision: over.revision + 1, updatedAt: start + 9_000 });
    expect(() => after(done, { type: 'policy_done' })).toThrow(refused);
  });
});

test('a weight that is set by hand does not answer an alarm that came up meanwhile', () => {
  const alarmed = { ...evidence, srm: { ...evidence.srm, alarm: true } };
  const { record, event } = decideRollout(
    half,
    { type: 'set_weight', parts: [totalParts / 4, (totalParts * 3) / 4], evidence: alarmed },
    ada,
    start + 1_000,
  );
  expect(record.evidence).toBeUndefined();
  expect(event.evidence).toEqual(alarmed);
});

describe('a change', () => {
  test('[defect 52] replaces rules, forced units and policies, and routes as before', () => {
    const { record, event } = decideRollout(
      half,
      {
        type: 'change',
        rules: [{ metric: 'error', margin: 0.05 }],
        forced: [{ unit: 'vip', arm: 'stable' }],
        onNoData: 'rollback',
        runPolicy: 'abort',
      },
      ada,
      start + 1,
    );
    expect(record).toMatchObject({ epoch: 1, revision: 2, onNoData: 'rollback', runPolicy: 'abort' });
    expect(record.rules.map(({ id, margin }) => [id, margin])).toEqual([
      ['error', 0.05],
      ['run_failed', 0],
      ['run_partial', 0],
    ]);
    expect(record.forced).toEqual([{ unit: 'vip', arm: 0 }]);
    expect(event.type).toBe('changed');
  });

  test('is checked as the start is', () => {
    const change = (command: Omit<Extract<RolloutCommand, { type: 'change' }>, 'type'>) =>
      problemsOf(() => after(plan, { type: 'change', ...command }));
    expect(change({ rules: [{ metric: 'score:none' }] })).toEqual({
      code: 'unprocessable',
      fields: ['rules[0].metric'],
    });
    expect(change({ forced: [{ unit: '', arm: 'none' }], onNoData: 'maybe' as 'pause' })).toEqual({
      code: 'invalid_argument',
      fields: ['forced[0].unit', 'forced[0].arm', 'onNoData'],
    });
    expect(change({}).code).toBe('invalid_argument');
  });
});

describe('evidence', () => {
  test('of a decision stays in the record through everything that follows', () => {
    const breached = evidenceOf([540, 27], [breachedTest()]);
    const told = after(half, { type: 'breached', rule: 'error', evidence: breached });
    expect(told).toMatchObject({ status: 'active', epoch: 1, evidence: breached });
    const later = after(
      told,
      { type: 'pause', reason: 'requested' },
      { type: 'resume' },
      { type: 'cancel', reason: 'requested' },
    );
    expect(later.evidence).toEqual(breached);
  });
});
