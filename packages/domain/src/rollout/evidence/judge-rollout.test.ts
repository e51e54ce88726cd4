import { expect, test } from 'vitest';
import { after, breachedTest, canary, evidenceOf, experiment, start, startOf } from '../../../test/rollout-samples.ts';
import { createDraw } from '../../../test/rollout-simulator.ts';
import { openUnit, outcome, unitOf } from '../../../test/rollout-units.ts';
import type { JudgeInput } from '../evidence.ts';
import type { NewRollout } from '../new-rollout.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import { advanceEvidence, createEvidence } from './advance-evidence.ts';
import { judgeRollout } from './judge-rollout.ts';
import { lnGamma } from './ln-gamma.ts';
import { mergeEvidence } from './merge-evidence.ts';
import { addToResults, createResults, resultsOf } from './results.ts';
import { holm, srmThreshold } from './sample-ratio.ts';
import { summarizeEvidence } from './summarize-evidence.ts';

const minute = 60_000;

const inputOf = (record: RolloutRecord, units: readonly RolloutUnit[], more: Partial<JudgeInput> = {}): JudgeInput => {
  const evidence = advanceEvidence(record, createEvidence(record), units);
  return {
    record,
    evidence,
    units: units.filter(({ seq }) => seq > evidence.settledSeq),
    unrouted: 0,
    now: start + 20 * minute,
    breaker: { consecutiveFailures: 0 },
    ...more,
  };
};

/** Units of which this share is the candidate's, spread evenly in order. */
const traffic = (
  count: number,
  share: number,
  values: (arm: number, index: number) => RolloutUnit['values'],
  epoch = 1,
): RolloutUnit[] =>
  Array.from({ length: count }, (_, i) => {
    const arm = Math.floor((i + 1) * share) > Math.floor(i * share) ? 1 : 0;
    return unitOf({ seq: i + 1, arm, epoch, values: values(arm, i) });
  });

const byHand = (input: Partial<NewRollout> = {}): RolloutRecord =>
  startOf(canary({ weight: 0.1, steps: [], ...input }));

test('a candidate that always fails is rolled back at its fourteenth unit, with the rule named', () => {
  const record = byHand();
  const failing = (count: number) => traffic(count, 0.1, (arm) => outcome(arm === 1));
  expect(judgeRollout(inputOf(record, failing(110))).action).toEqual({ kind: 'none' });
  expect(judgeRollout(inputOf(record, failing(150))).action).toEqual({
    kind: 'rollback',
    reason: 'regression',
    rule: 'error',
  });
});

test('[g12.10] total failure from a success rate of .98 is seen within 14 candidate values in nine of ten rollouts', () => {
  const record = byHand({ alpha: 0.0115 }); // error alone: 0.01
  const sizes = Array.from({ length: 20 }, (_, seed) => {
    const draw = createDraw(seed);
    const units = traffic(320, 0.05, (arm) => outcome(arm === 1 || draw() > 0.98));
    for (let candidates = 12; ; candidates += 1) {
      const seen = units.slice(0, (candidates + 1) * 20);
      if (judgeRollout(inputOf(record, seen)).action.kind === 'rollback') return candidates;
    }
  }).sort((a, b) => a - b);
  expect(sizes[17]).toBeLessThanOrEqual(14);
});

test('a candidate that is as good as stable is left alone', () => {
  const draw = createDraw(3);
  const { action, summary } = judgeRollout(
    inputOf(
      byHand({ weight: 0.3 }),
      traffic(2_000, 0.3, () => outcome(draw() < 0.1)),
    ),
  );
  expect(action).toEqual({ kind: 'none' });
  expect(summary.tests[0]?.breached).toBe(false);
});

test('[defect 56] a drift that both arms share rolls nothing back, and a floor only pauses', () => {
  const draw = createDraw(5);
  const record = byHand({
    weight: 0.5,
    rules: [{ metric: 'error' }, { metric: 'error', id: 'floor', kind: 'floor', threshold: 0.8 }],
  });
  // Every second hundred of units fails half of the time, whatever the version.
  const drifting = traffic(3_000, 0.5, (_, i) => outcome(draw() < (i % 200 < 100 ? 0.02 : 0.5)));
  const { action, summary } = judgeRollout(inputOf(record, drifting));
  expect(action).toEqual({ kind: 'pause', reason: 'floor', rule: 'floor' });
  expect(summary.tests[0]?.breached).toBe(false);
});

test('a rule acts at its least number of values and not before', () => {
  const record = byHand({ rules: [{ metric: 'error', minUnits: 30 }] });
  const failing = (count: number) =>
    inputOf(
      record,
      traffic(count, 0.1, (arm) => ({ ...outcome(false), error: arm })),
    );
  expect(judgeRollout(failing(250)).action.kind).toBe('none');
  expect(judgeRollout(failing(350)).action.kind).toBe('rollback');
});

test('rollback beats pause, and the sample ratio never rolls back', () => {
  const record = byHand({ weight: 0.02 });
  const many = (fails: boolean) => traffic(1_000, 0.5, (arm) => outcome(fails && arm === 1));
  expect(judgeRollout(inputOf(record, many(false))).action).toEqual({ kind: 'pause', reason: 'srm_alarm' });
  expect(judgeRollout(inputOf(record, many(true))).action).toMatchObject({ kind: 'rollback', rule: 'error' });
});

test('a pause is given once: who resumed knew of the alarm, and promotion stays blocked', () => {
  const record = startOf(
    canary({ steps: [{ weight: 0.02, minUnits: 1, minDurationMs: 0, maxHarm: 1 }, { weight: 1 }] }),
  );
  const input = inputOf(
    record,
    traffic(3_000, 0.5, () => outcome(false)),
  );
  const { action, summary } = judgeRollout(input);
  expect(action).toEqual({ kind: 'pause', reason: 'srm_alarm' });
  const resumed = { ...record, evidence: summary };
  const again = judgeRollout({ ...input, record: resumed });
  expect(again.action).toEqual({ kind: 'none' });
  expect(again.waitingFor.map(({ code }) => code)).toContain('srm');
});

test('[defect 46] a rollback that failed is asked for again and again: evidence is not cleared', () => {
  const record = byHand();
  const input = inputOf(
    record,
    traffic(300, 0.1, (arm) => outcome(arm === 1)),
  );
  for (let tick = 0; tick < 3; tick += 1) expect(judgeRollout(input).action.kind).toBe('rollback');
  const known = { ...record, evidence: evidenceOf([1, 1], [breachedTest()]) };
  expect(judgeRollout({ ...input, record: known }).action.kind).toBe('rollback');
  const paused = after(record, { type: 'pause', reason: 'requested' });
  expect(judgeRollout({ ...input, record: paused }).action.kind).toBe('rollback');
});

test('the breaker pauses after five failures in a row while stable works', () => {
  const record = byHand();
  const of = (consecutiveFailures: number, ago: number) =>
    judgeRollout(
      inputOf(record, [], { breaker: { consecutiveFailures, stableSucceededAt: start + 20 * minute - ago } }),
    ).action;
  expect(of(4, 0)).toEqual({ kind: 'none' });
  expect(of(5, 60_000)).toEqual({ kind: 'pause', reason: 'circuit_breaker' });
  expect(of(5, 60_001)).toEqual({ kind: 'none' });
});

const judged = { id: 'judge', kind: 'posted', sample: 1 } as const;

test('[g12.17] a scorer that falls silent pauses the rollout one tick after the deadline', () => {
  const record = byHand({ scorers: [judged], valueDeadlineMs: 10 * minute });
  const silentFrom = 50;
  const units = traffic(100, 0.1, (_, i) => ({
    ...outcome(false),
    ...(i < silentFrom ? { 'score:judge': 1, 'missing:judge': 0 } : {}),
  }));
  const first = units[silentFrom]?.endedAt as number;
  const at = (now: number) => judgeRollout(inputOf(record, units, { now })).action;
  expect(at(first + 10 * minute - 1)).toEqual({ kind: 'none' });
  expect(at(first + 10 * minute)).toEqual({ kind: 'pause', reason: 'scorer_outage', rule: 'score:judge' });
});

test('a scorer that is only slow, or loses one score, is no outage', () => {
  const record = byHand({ scorers: [judged], valueDeadlineMs: 10 * minute });
  const units = traffic(100, 0.1, (_, i) => ({
    ...outcome(false),
    ...(i < 90 ? { 'score:judge': i % 10 === 7 ? null : 1, 'missing:judge': i % 10 === 7 ? 1 : 0 } : {}),
  }));
  expect(judgeRollout(inputOf(record, units, { now: start + 5 * minute })).action).toEqual({ kind: 'none' });
});

test('an outage does as the record says, and blocks the step when it is ignored', () => {
  const units = traffic(60, 0.5, () => ({ ...outcome(false), 'score:judge': null, 'missing:judge': 1 }));
  const of = (onNoData: 'ignore' | 'rollback') => {
    const rules = [{ metric: 'error' }, { metric: 'score:judge' }] as const;
    return judgeRollout(
      inputOf(startOf(canary({ scorers: [judged], onNoData, rules, steps: [{ weight: 0.5 }] })), units),
    );
  };
  expect(of('rollback').action).toMatchObject({ kind: 'rollback', reason: 'scorer_outage' });
  expect(of('ignore').action).toEqual({ kind: 'none' });
  expect(of('ignore').waitingFor.map(({ code }) => code)).toContain('scorer');
});

test('runs of the candidate that hang until their deadline are no data; those of an epoch before do not count', () => {
  const record = byHand();
  const nothing = { error: null, run_failed: null, run_partial: null };
  const units = traffic(60, 0.1, (arm) => (arm === 1 ? nothing : outcome(false)));
  expect(judgeRollout(inputOf(record, units)).action).toEqual({ kind: 'pause', reason: 'no_data' });
  expect(judgeRollout(inputOf({ ...record, epoch: 2 }, units)).action).toEqual({ kind: 'none' });
});

test('units that nobody ever measures are no data', () => {
  const record = byHand({ runDeadlineMs: 60 * minute, valueDeadlineMs: 10 * minute });
  const units = traffic(40, 0.1, () => ({})).map((unit) => openUnit(unit));
  expect(judgeRollout(inputOf(record, units, { now: start + 60 * minute })).action.kind).toBe('none');
  expect(judgeRollout(inputOf(record, units, { now: start + 72 * minute })).action).toEqual({
    kind: 'pause',
    reason: 'no_data',
  });
});

const plan = (input: Partial<NewRollout> = {}): RolloutRecord =>
  startOf(
    canary({
      steps: [
        { weight: 0.1, minUnits: 20, minDurationMs: 10 * minute, maxHarm: 0.25 },
        { weight: 0.5, minUnits: 20, minDurationMs: 0 },
        { weight: 1, minUnits: 20, minDurationMs: 0 },
      ],
      ...input,
    }),
  );

const codes = (input: JudgeInput): string[] => judgeRollout(input).waitingFor.map(({ code }) => code);

test('a step ends with enough units, time and a bound on harm, and not before', () => {
  const record = plan();
  const good = traffic(600, 0.1, () => outcome(false));
  expect(judgeRollout(inputOf(record, good)).action).toEqual({ kind: 'advance' });
  expect(codes(inputOf(record, good.slice(0, 150)))).toEqual(['units', 'values', 'harm']);
  expect(codes(inputOf(record, good, { now: start + 5 * minute }))).toEqual(['duration']);
  expect(codes(inputOf({ ...record, stepStartUnits: 50 }, good))).toEqual(['units']);
});

test('approval is waited for', () => {
  const steps = [{ weight: 0.1, minDurationMs: 0, gate: 'approval' }, { weight: 1 }] as const;
  const record = startOf(canary({ steps, rules: [{ metric: 'error', promoteMargin: 0.3 }] }));
  const good = traffic(1_000, 0.1, () => outcome(false));
  expect(codes(inputOf(record, good))).toEqual(['approval']);
  const approved = after(record, { type: 'approve' });
  expect(judgeRollout(inputOf(approved, good)).action).toEqual({ kind: 'advance' });
});

test('the last step below all of the traffic is left only when the candidate is shown to be not worse', () => {
  const last = { ...plan(), stepIndex: 1, epoch: 1, epochs: [{ epoch: 1, at: start, parts: [2 ** 31, 2 ** 31] }] };
  const good = (count: number) => traffic(count, 0.5, () => outcome(false));
  expect(codes(inputOf(last, good(200)))).toEqual(['promotion']);
  expect(judgeRollout(inputOf(last, good(1_000))).action).toEqual({ kind: 'advance' });
});

test('after the last step the candidate is complete', () => {
  const record = {
    ...plan(),
    stepIndex: 2,
    epoch: 2,
    stepStartUnits: 0,
    epochs: [
      { epoch: 1, at: start, parts: [2 ** 31, 2 ** 31] },
      { epoch: 2, at: start, parts: [0, 2 ** 32] },
    ],
  };
  expect(
    judgeRollout(
      inputOf(
        record,
        traffic(30, 1, () => outcome(false), 2),
      ),
    ).action,
  ).toEqual({ kind: 'complete' });
});

test('without a rule for promotion only a person promotes', () => {
  const record = startOf(canary({ steps: [{ weight: 0.5, minDurationMs: 0 }] }));
  const rules = record.rules.map(({ promoteMargin: _none, ...rule }) => rule);
  const good = traffic(1_000, 0.5, () => outcome(false));
  expect(codes(inputOf({ ...record, rules }, good))).toEqual(['promotion']);
});

test('a plan that is undecided at its horizon pauses once', () => {
  const record = plan({ horizonMs: 60 * minute });
  const input = inputOf(record, [], { now: start + 60 * minute });
  const { action, summary } = judgeRollout(input);
  expect(action).toEqual({ kind: 'pause', reason: 'horizon_ended' });
  expect(judgeRollout({ ...input, record: { ...record, evidence: summary } }).action).toEqual({ kind: 'none' });
});

test('[defect 29] an experiment never names a winner by itself', () => {
  const record = startOf(experiment([0.5]));
  const verdict = judgeRollout(
    inputOf(
      record,
      traffic(2_000, 0.5, () => outcome(false)),
    ),
  );
  expect(verdict.action).toEqual({ kind: 'none' });
  expect(verdict.waitingFor).toEqual([{ code: 'winner', message: 'a person must name the winner' }]);
});

test('a notice is given once and does not hold the plan', () => {
  const rules = [
    { metric: 'error', promoteMargin: 0.5 },
    { metric: 'tokens', action: 'notify' },
  ] as const;
  const record = startOf(canary({ rules, steps: [{ weight: 0.5, minDurationMs: 0, maxHarm: 1 }, { weight: 1 }] }));
  const input = inputOf(
    record,
    traffic(400, 0.5, (arm) => ({ ...outcome(false), tokens: 100 + arm })),
  );
  const { action, summary } = judgeRollout(input);
  expect(action).toEqual({ kind: 'notify', rule: 'tokens' });
  expect(judgeRollout({ ...input, record: { ...record, evidence: summary } }).action).toEqual({ kind: 'advance' });
});

test('what is over is not judged', () => {
  const record = after(byHand(), { type: 'cancel', reason: 'requested' });
  const units = traffic(300, 0.1, (arm) => outcome(arm === 1));
  expect(judgeRollout(inputOf(record, units)).action).toEqual({ kind: 'none' });
});

test('[g12.12] units in the shares of the weights of each epoch raise no alarm; other shares do', () => {
  const draw = createDraw(2);
  const record: RolloutRecord = {
    ...byHand(),
    epochs: [
      { epoch: 1, at: start, parts: [0.95 * 2 ** 32, 0.05 * 2 ** 32] },
      { epoch: 2, at: start, parts: [2 ** 31, 2 ** 31] },
    ],
  };
  const drawn = (shares: readonly number[]) =>
    Array.from({ length: 5_000 }, (_, i) => {
      const epoch = i < 2_500 ? 1 : 2;
      return unitOf({ seq: i + 1, epoch, arm: draw() < (shares[epoch - 1] as number) ? 1 : 0 });
    });
  const right = judgeRollout(inputOf(record, drawn([0.05, 0.5]))).summary.srm;
  expect(right).toMatchObject({ alarm: false, threshold: srmThreshold });
  expect(judgeRollout(inputOf(record, drawn([0.05, 0.42]))).summary.srm.alarm).toBe(true);
});

test('[g12.12] runs of one arm that are cancelled raise the alarm of the sample ratio, whatever their values would have been; cancelled alike they do not', () => {
  const record = byHand({ weight: 0.5 });
  const cancelled = Object.fromEntries(Object.keys(outcome(false)).map((metric) => [metric, null]));
  const draw = createDraw(5);
  const dealt = (shares: readonly number[]) =>
    Array.from({ length: 2_000 }, (_, i) => {
      const arm = draw() < 0.5 ? 1 : 0;
      const isCancelled = draw() < (shares[arm] as number);
      return unitOf({ seq: i + 1, arm, values: isCancelled ? cancelled : outcome(false) });
    });
  const alike = dealt([0.2, 0.2]);
  expect(judgeRollout(inputOf(record, alike)).summary.srm.alarm).toBe(false);
  const picked = dealt([0, 0.25]);
  const { action, summary } = judgeRollout(inputOf(record, picked));
  expect(summary.srm.alarm).toBe(true);
  expect(action).toEqual({ kind: 'pause', reason: 'srm_alarm' });
  expect(resultsOf(record, addToResults(createResults(record), picked)).srm.lnB).toBeCloseTo(summary.srm.lnB, 9);
  // Nobody who was counted is missing here: the shares of units alone say nothing.
  const measured = picked.map((unit) => ({ ...unit, values: outcome(false) }));
  expect(judgeRollout(inputOf(record, measured)).summary.srm.alarm).toBe(false);
  // Halves merge to what the whole says.
  const [first, second] = [picked.slice(0, 900), picked.slice(900)].map((units) =>
    advanceEvidence(record, createEvidence(record), units),
  );
  expect(summarizeEvidence(record, mergeEvidence(first!, second!), 0, start).srm.lnB).toBeCloseTo(summary.srm.lnB, 9);
});

test('ln of the gamma function and Holm are those of the tables', () => {
  expect(lnGamma(1)).toBeCloseTo(0, 12);
  expect(lnGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
  expect(lnGamma(101)).toBeCloseTo(363.739_375_555_563_5, 9);
  expect(lnGamma(1e-6)).toBeCloseTo(13.815_509_980_749_43, 9);
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
});

test('the watermark waits for a unit that is open though its values are there: a crash came before its end was written', () => {
  const record = byHand({ weight: 0.5 });
  const units = traffic(10, 0.5, () => outcome(false));
  const left = units.map((unit) => (unit.seq === 4 ? { ...unit, state: 'open' as const } : unit));
  expect(advanceEvidence(record, createEvidence(record), left).settledSeq).toBe(3);
  expect(advanceEvidence(record, createEvidence(record), units).settledSeq).toBe(10);
});
