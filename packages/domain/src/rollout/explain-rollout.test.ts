import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ada,
  after,
  breachedTest,
  canary,
  evaluator,
  evidenceOf,
  experiment,
  start,
  startOf,
} from '../../test/rollout-samples.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { decideRollout, type RolloutCommand } from './decide-rollout.ts';
import { durationText, numberText } from './explain-numbers.ts';
import { explainEvent, explainRollout } from './explain-rollout.ts';
import { newRollout } from './new-rollout.ts';
import type { Explanation, RolloutActor, RolloutReason, RolloutRecord } from './rollout-record.ts';

const plan = startOf(canary());
const half = startOf(canary({ weight: 0.5 }));
const breached = evidenceOf([540, 27], [breachedTest()]);

const explain = (record: RolloutRecord, command: RolloutCommand, by: RolloutActor = evaluator): Explanation =>
  decideRollout(record, command, by, start + 60_000).event.explanation;

describe('the explanation of an event', () => {
  test('of a rollback names the rule, both arms, the numbers, and what becomes of open runs', () => {
    const { code, decided, because, next, data } = explain(half, {
      type: 'rollback',
      reason: 'regression',
      rule: 'error',
      evidence: breached,
    });
    expect(code).toBe('rolled_back.regression');
    expect(decided).toBe('The rollout of "triage" was rolled back: all new runs use the stable version.');
    expect(because).toBe(
      'By rule "error" candidate is at 0.6154 and stable at 0.98 (1 is best; 27 values of candidate, 540 of stable); E = 132.5 reached 115.',
    );
    expect(next).toBe('Open runs keep the version that they began with.');
    expect(data).toMatchObject({
      rule: 'error',
      eMax: 132.4567,
      threshold: 115,
      units: [540, 27],
      status: 'rolled_back',
    });
  });

  test('of a start says who asked, how many are exposed and when more will be', () => {
    const { explanation } = newRollout(canary({ by: { actor: 'ada', reason: 'try it' } })).event;
    expect(explanation.decided).toBe('The rollout of "triage" began: the candidate gets 0.1 % (step 1 of 6).');
    expect(explanation.because).toBe('ada asked for it. Reason given: try it.');
    expect(explanation.next).toBe(
      'When the step passes its gate, the candidate gets 1 %; a breach of a rule acts by itself.',
    );
  });

  test.each([
    [
      half,
      { type: 'set_weight', parts: plan.arms.map((arm) => arm.parts) },
      'The weights of the rollout of "triage" were set: the candidate gets 0.1 %.',
    ],
    [
      plan,
      { type: 'advance', evidence: evidenceOf([2_000, 20]) },
      'The rollout of "triage" moved on: the candidate gets 1 % (step 2 of 6).',
    ],
    [
      half,
      { type: 'pause', reason: 'srm_alarm', evidence: breached },
      'The rollout of "triage" was paused: all new runs use the stable version.',
    ],
    [half, { type: 'promote', arm: 1 }, 'The rollout of "triage" is over: candidate is its active version now.'],
    [
      startOf(experiment([0.5])),
      { type: 'promote', arm: 0 },
      'The experiment of "triage" is over: stable stays its active version.',
    ],
    [half, { type: 'cancel', reason: 'superseded' }, 'The rollout of "triage" was cancelled.'],
    [
      half,
      { type: 'breached', rule: 'error', evidence: breached },
      'Rule "error" of the rollout of "triage" breached.',
    ],
    [half, { type: 'change', onNoData: 'ignore' }, 'The settings of the rollout of "triage" were changed.'],
    [
      startOf(canary({ draft: true, weight: 0.5 })),
      { type: 'activate' },
      'The rollout of "triage" began: the candidate gets 50 %.',
    ],
  ] as const)('says what was decided', (record, command, decided) => {
    expect(explain(record, command).decided).toBe(decided);
  });

  test('says why, whatever the reason', () => {
    const because = (reason: RolloutReason): string =>
      explain(half, { type: 'pause', reason, evidence: breached }, { actor: 'ada', reason: 'I saw it', force: true })
        .because;
    expect(because('srm_alarm')).toBe(
      'Units, or those whose runs came to an end, did not come in the shares that the weights say. Units counted: 540 of stable, 27 of candidate. ln B = 1.25 reached 6.908.',
    );
    expect(because('requested')).toBe('ada asked for it. Reason given: I saw it. Checks were overridden.');
    expect(because('no_data')).toContain('27 of candidate');
    expect(because('superseded')).toBe('ada made another version active. Reason given: I saw it.');
    const reasons = [
      'floor',
      'circuit_breaker',
      'scorer_outage',
      'horizon_ended',
      'replay_failed',
      'replay_passed',
      'gate_passed',
    ];
    for (const reason of reasons) expect(because(reason as RolloutReason)).toMatch(/\.$/);
  });

  test('of a floor names the floor', () => {
    const rules = [{ metric: 'error', kind: 'floor', threshold: 0.9 }] as const;
    const record = startOf(canary({ weight: 0.5, rules }));
    expect(explain(record, { type: 'pause', reason: 'floor', rule: 'error', evidence: breached }).because).toContain(
      'candidate is at 0.6154, below its floor of 0.9',
    );
  });

  test('of a rollback says what the run policy does, and later that it is done', () => {
    const abort = startOf(canary({ weight: 0.5, runPolicy: 'abort' }));
    const rollback = { type: 'rollback', reason: 'requested' } as const;
    expect(explain(abort, rollback).next).toBe('Open runs of the candidate are being cancelled.');
    const done = decideRollout(after(abort, rollback), { type: 'policy_done' }, evaluator, start + 90_000);
    expect(done.event.by).toEqual(evaluator);
    expect(done.event.explanation).toMatchObject({
      decided: 'Open runs of the rollout of "triage" were cancelled.',
      next: 'Nothing more.',
    });
    expect(explainRollout(done.record, undefined, undefined, start).because).toBe('ada asked for it.');
  });
});

describe('the explanation of a rollout', () => {
  test('that runs says how the evidence stands and what the step waits for', () => {
    const calm = evidenceOf(
      [660, 34],
      [
        breachedTest({ eValue: 1.3, eMax: 2, breached: false }),
        breachedTest({ rule: 'run_failed', eValue: 0.5, breached: false }),
      ],
    );
    const waiting = [
      { code: 'min_units', message: '12 of 20 candidate units.' },
      { code: 'min_duration', message: 'its least duration', until: start + 300_000 },
    ];
    expect(explainRollout(plan, calm, waiting, start + 60_000)).toMatchObject({
      code: 'active.requested',
      decided: 'The rollout of "triage" is running: the candidate gets 0.1 % (step 1 of 6).',
      because:
        'Units counted: 660 of stable, 34 of candidate. No rule has breached; the nearest is "error" with E = 1.3 of 115.',
      next: 'Step 1 of 6 waits for: 12 of 20 candidate units; its least duration (4 min left). When the step passes its gate, the candidate gets 1 %; a breach of a rule acts by itself.',
    });
    expect(explainRollout(half, undefined, undefined, start).because).toBe('Nothing has been counted yet.');
    expect(explainRollout(half, undefined, [], start).next).toBe(
      'The weights change only by hand; a breach of a rule acts by itself.',
    );
  });

  test('that is over says the same as the event that ended it', () => {
    const command = { type: 'rollback', reason: 'regression', rule: 'error', evidence: breached } as const;
    const { record, event } = decideRollout(half, command, evaluator, start + 60_000);
    const told = explainRollout(record, evidenceOf([9_999, 9_999]), undefined, start + 10 ** 9);
    expect(told).toEqual(event.explanation);
  });

  test('of a draft says what it waits for', () => {
    const next = (input: { draft?: boolean; replayId?: string }): string =>
      explainRollout(startOf(canary(input)), undefined, undefined, start).next;
    expect(next({ draft: true })).toBe('It begins when it is activated.');
    expect(next({ replayId: 'rep_1' })).toBe(
      'When its replay has passed, it begins by itself, unless another one is live then; if it fails, the rollout is cancelled.',
    );
  });

  test('of an experiment names each arm', () => {
    expect(explainRollout(startOf(experiment([0.25, 0.25])), undefined, undefined, start).decided).toBe(
      'The experiment of "triage" is running: stable 50 %, arm-1 25 %, arm-2 25 %.',
    );
  });

  test('is JSON and the same each time, whatever the numbers', () => {
    const number = fc.oneof(fc.double(), fc.nat());
    const tests = fc.array(
      fc.record({
        eValue: number,
        eMax: number,
        threshold: number,
        candidateMean: number,
        arm: fc.nat({ max: 9 }),
        breached: fc.boolean(),
      }),
      { maxLength: 3 },
    );
    const records = [plan, half, after(half, { type: 'pause', reason: 'requested' }), startOf(canary({ draft: true }))];
    fc.assert(
      fc.property(fc.constantFrom(...records), tests, fc.array(number, { maxLength: 4 }), (record, some, units) => {
        const evidence = evidenceOf(
          units,
          some.map((one) => breachedTest(one)),
        );
        const once = explainRollout(record, evidence, [], start);
        expect(explainRollout(record, evidence, [], start)).toEqual(once);
        expect(JSON.parse(canonicalJson(once.data))).toEqual(once.data);
        const event = { ...decideRollout(half, { type: 'pause', reason: 'floor' }, ada, start).event, evidence };
        expect(explainEvent(record, event, 'none').because).not.toBe('');
      }),
      { numRuns: 60 },
    );
  });
});

describe('numbers in sentences', () => {
  test.each([
    [0, '0'],
    [0.98, '0.98'],
    [132.4567, '132.5'],
    [1e300, '1e+300'],
    [Number.POSITIVE_INFINITY, 'infinite'],
  ])('%d is %s', (value, text) => {
    expect(numberText(value)).toBe(text);
  });

  test.each([
    [-5, '0 s'],
    [999, '0 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [3_601_000, '1 h'],
    [183_600_000, '2 d 3 h'],
  ])('%d ms are %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});

test('a paused rollout says who paused it and why, whoever changed a setting since', () => {
  const bob: RolloutActor = { actor: 'bob', reason: 'too noisy' };
  const paused = decideRollout(half, { type: 'pause', reason: 'requested' }, bob, start + 1_000).record;
  const later = decideRollout(paused, { type: 'change', onNoData: 'ignore' }, ada, start + 2_000).record;
  const { because, data } = explainRollout(later, undefined, undefined, start + 3_000);
  expect(because).toBe('bob asked for it. Reason given: too noisy.');
  expect(data['actor']).toBe('bob');
});

test('a pause with words of its own is explained by them until it ends', () => {
  const detail = 'The candidate cannot be built: a part is gone.';
  const paused = after(half, { type: 'pause', reason: 'circuit_breaker', detail });
  expect(explainRollout(paused, undefined, undefined, start).because).toBe(detail);
  expect(explain(half, { type: 'pause', reason: 'circuit_breaker', detail }).because).toBe(detail);
  const again = after(paused, { type: 'resume' }, { type: 'pause', reason: 'circuit_breaker' });
  expect(explainRollout(again, undefined, undefined, start).because).toMatch(/one after the other/);
});
