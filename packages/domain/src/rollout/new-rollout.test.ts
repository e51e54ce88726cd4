import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canary, experiment, problemsOf, start, startOf } from '../../test/rollout-samples.ts';
import { isDomainError } from '../errors/domain-error.ts';
import { type NewRollout, newRollout } from './new-rollout.ts';
import { totalParts } from './rollout-record.ts';
import { parseWeight } from './weights.ts';

const refusal = (input: NewRollout) => problemsOf(() => newRollout(input));

describe('a canary', () => {
  test('of which nothing but the candidate is said gets the plan, the rules and the limits of the specification', () => {
    const { record, event } = newRollout(canary());
    expect(record).toMatchObject({
      status: 'active',
      revision: 1,
      epoch: 1,
      algo: 'sha256/v1',
      routingKeys: ['resourceId', 'threadId'],
      alpha: 0.01,
      promoteAlpha: 0.05,
      runPolicy: 'drain',
      onNoData: 'pause',
      onMissing: 'drop',
      valueDeadlineMs: 600_000,
      runDeadlineMs: 3_600_000,
      horizonAt: start + 30 * 86_400_000,
      memory: { mode: 'frozen', revision: 3 },
      shadow: 0,
      startedAt: start,
      stepIndex: 0,
    });
    expect(record.steps.map(({ parts }) => parts)).toEqual([0.001, 0.01, 0.05, 0.25, 0.5, 1].map(parseWeight));
    expect(record.steps[0]).toMatchObject({ minUnits: 20, minDurationMs: 600_000, gate: 'auto', maxHarm: 0.25 });
    expect(record.arms.map(({ label, parts }) => [label, parts])).toEqual([
      ['stable', totalParts - parseWeight(0.001)],
      ['candidate', parseWeight(0.001)],
    ]);
    expect(record.rules.map(({ id }) => id)).toEqual(['error', 'run_failed', 'run_partial']);
    expect(event).toMatchObject({ type: 'created', revision: 1, reason: 'requested', by: { actor: 'ada' } });
  });

  test('[defect 40] can begin at less than a percent, as a number or a decimal string', () => {
    for (const weight of [0.001, '0.001']) {
      const { arms, steps } = startOf(canary({ weight }));
      expect(arms[1]?.parts).toBe(4_294_967);
      expect(steps).toEqual([]);
    }
  });

  test('[defect 52] can begin at 0 and have all', () => {
    expect(startOf(canary({ weight: 0 })).segments).toEqual([{ lo: 0, hi: totalParts, arm: 0 }]);
    expect(startOf(canary({ weight: 1 })).segments).toEqual([{ lo: 0, hi: totalParts, arm: 1 }]);
  });

  test('[defect 38] whose candidate is the stable version is refused', () => {
    expect(refusal(canary({ candidateVersionId: 'sha256:aa' }))).toEqual({
      code: 'invalid_argument',
      fields: ['candidateVersionId'],
    });
  });

  test('that is prepared, or waits for a replay, exposes nobody', () => {
    for (const input of [{ draft: true }, { replayId: 'rep_1' }]) {
      const draft = startOf(canary({ weight: 0.5, ...input }));
      expect(draft.status).toBe('draft');
      expect(draft.startedAt).toBeUndefined();
      expect(draft.epochs).toEqual([{ epoch: 1, at: start, parts: [totalParts, 0] }]);
    }
    expect(startOf(canary({ replayId: 'rep_1', draft: true })).replayGate).toEqual({
      replayId: 'rep_1',
      status: 'running',
      manual: true,
    });
  });

  test('takes a weight beside a plan only if it is that of the first step', () => {
    const steps = [{ weight: '0.05' }, { weight: 1 }];
    expect(startOf(canary({ steps, weight: 0.05 })).arms[1]?.parts).toBe(parseWeight(0.05));
    expect(refusal(canary({ steps, weight: 0.1 })).fields).toEqual(['weight']);
    expect(refusal(canary({ steps: [] })).fields).toEqual(['weight']);
  });

  test('[defect 43] of an agent, version, unit or key with a colon is as any other', () => {
    const record = startOf(
      canary({ agentId: 'team:a:b', routingKeys: ['x:y'], forced: [{ unit: 'a:b', arm: 'candidate' }] }),
    );
    expect(record).toMatchObject({ agentId: 'team:a:b', routingKeys: ['x:y'], forced: [{ unit: 'a:b', arm: 1 }] });
  });
});

describe('an experiment', () => {
  test('has the stable version first, labels for the others, and parts that sum to 2^32', () => {
    const arms = [
      { versionId: 'sha256:x', weight: 0.3 },
      { versionId: 'sha256:y', weight: 0.3, label: 'bold' },
      { versionId: 'sha256:aa', weight: 0.4 },
    ];
    const record = startOf(experiment([], { arms }));
    expect(record.arms.map(({ label, versionId }) => [label, versionId])).toEqual([
      ['stable', 'sha256:aa'],
      ['arm-1', 'sha256:x'],
      ['bold', 'sha256:y'],
    ]);
    expect(record.arms.reduce((sum, arm) => sum + arm.parts, 0)).toBe(totalParts);
    expect(record.steps).toEqual([]);
  });

  test('[defect 58] of ten times ten percent less two is accepted, though its floats do not sum to 1', () => {
    const record = startOf(experiment([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]));
    expect(record.arms).toHaveLength(8);
    expect(record.arms.reduce((sum, arm) => sum + arm.parts, 0)).toBe(totalParts);
  });

  test('[defect 12] of no arms, or of one, is refused', () => {
    expect(refusal(experiment([], { arms: [] }))).toEqual({ code: 'invalid_argument', fields: ['arms'] });
    expect(refusal(experiment([])).fields).toContain('arms');
  });

  test('is refused with everything that is wrong with its arms at once', () => {
    const arms = [
      { versionId: 'sha256:x', weight: 0.3, label: 'a b' },
      { versionId: 'sha256:x', weight: Number.NaN },
      { versionId: '', weight: '2' },
    ];
    const { code, fields } = refusal(experiment([], { arms, weight: 0.1, steps: [{ weight: 0.1 }] }));
    expect(code).toBe('invalid_argument');
    expect(fields).toEqual(
      expect.arrayContaining([
        'weight',
        'steps',
        'arms[0].label',
        'arms[1].versionId',
        'arms[1].weight',
        'arms[2].versionId',
        'arms[2].weight',
        'arms',
      ]),
    );
  });

  test.each([
    ['weights that miss 1', [0.2, 0.2], {}],
    ['nine arms', [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], {}],
  ])('with %s is refused', (_, weights, input) => {
    const request = experiment(weights, input);
    const arms = weights.length === 2 ? request.arms?.map((arm) => ({ ...arm, weight: 0.2 })) : request.arms;
    expect(refusal({ ...request, ...(arms === undefined ? {} : { arms }) }).fields).toContain('arms');
  });
});

describe('a request that is not what it should be', () => {
  const wrong: readonly (readonly [string, Partial<NewRollout>, string])[] = [
    ['a weight above 1', { weight: 1.5 }, 'weight'],
    ['a weight that is no number', { weight: Number.NaN }, 'weight'],
    ['a step of nobody', { steps: [{ weight: 0 }] }, 'steps[0].weight'],
    ['steps that go down', { steps: [{ weight: 0.5 }, { weight: 0.4 }] }, 'steps[1].weight'],
    ['units that are no integer', { steps: [{ weight: 0.5, minUnits: 1.5 }] }, 'steps[0].minUnits'],
    ['a negative duration', { steps: [{ weight: 0.5, minDurationMs: -1 }] }, 'steps[0].minDurationMs'],
    ['harm above 1', { steps: [{ weight: 0.5, maxHarm: 2 }] }, 'steps[0].maxHarm'],
    ['an unknown gate', { steps: [{ weight: 0.5, gate: 'maybe' as 'auto' }] }, 'steps[0].gate'],
    ['no routing key', { routingKeys: [] }, 'routingKeys'],
    ['an empty routing key', { routingKeys: [''] }, 'routingKeys[0]'],
    ['a routing key twice', { routingKeys: ['a', 'a'] }, 'routingKeys[1]'],
    ['a condition of 5 kB', { eligibility: 'x'.repeat(5_000) }, 'eligibility'],
    ['a condition with a NUL', { eligibility: 'a\u0000' }, 'eligibility'],
    ['an empty condition', { eligibility: '' }, 'eligibility'],
    ['a salt with a NUL', { salt: 'a\u0000' }, 'salt'],
    ['a forced unit with a lone surrogate', { forced: [{ unit: '\ud800', arm: 'stable' }] }, 'forced[0].unit'],
    ['a forced unit of no arm', { forced: [{ unit: 'u', arm: 'candidat' }] }, 'forced[0].arm'],
    ['a pin without an instant', { forced: [{ unit: 'u', arm: 'stable', until: 'soon' }] }, 'forced[0].until'],
    ['a horizon of 0', { weight: 0.1, horizonMs: 0 }, 'horizonMs'],
    ['an infinite deadline', { valueDeadlineMs: Number.POSITIVE_INFINITY }, 'valueDeadlineMs'],
    ['alpha that is no number', { alpha: Number.NaN }, 'alpha'],
    ['a negative shadow', { shadow: -0.5 }, 'shadow'],
    ['an unknown policy', { runPolicy: 'explode' as 'drain' }, 'runPolicy'],
    ['an unknown metric', { weight: 0.1, rules: [{ metric: 'mood' as 'error' }] }, 'rules[0].metric'],
    ['a margin that is no number', { rules: [{ metric: 'error', margin: Number.NaN }] }, 'rules[0].margin'],
    ['a floor without a threshold', { weight: 0.1, rules: [{ metric: 'error', kind: 'floor' }] }, 'rules[0].threshold'],
    ['a regression with one', { rules: [{ metric: 'error', threshold: 0.5 }] }, 'rules[0].threshold'],
    ['units below 1', { rules: [{ metric: 'error', minUnits: 0 }] }, 'rules[0].minUnits'],
    [
      'a cap below 0',
      { rules: [{ metric: 'error' }, { metric: 'latency', scale: { kind: 'cap', cap: -1 } }] },
      'rules[1].scale.cap',
    ],
  ];

  test.each(['__proto__', 'a/b:c', 'a b', 'x'.repeat(65), '', 'a\u0000'])(
    'such as a scorer named %j is refused: nobody could post a score of that name',
    (id) => {
      const input = canary({ scorers: [{ id, kind: 'posted', sample: 1 }], rules: [{ metric: 'error' }] });
      expect(refusal(input)).toEqual({ code: 'invalid_argument', fields: ['scorers[0].id'] });
    },
  );

  test.each(wrong)('[g12.19] such as %s is refused as invalid, with its field', (_, input, field) => {
    expect(refusal(canary(input))).toEqual({ code: 'invalid_argument', fields: [field] });
  });

  const scorers = [{ id: 'quality', kind: 'posted', sample: 1 }] as const;
  const senseless: readonly (readonly [string, Partial<NewRollout>, string])[] = [
    ['a margin of 1', { rules: [{ metric: 'error', margin: 1 }] }, 'rules[0].margin'],
    ['a score that nobody gives', { rules: [{ metric: 'score:qualty' }], scorers }, 'rules[0].metric'],
    ['two rules of one id', { rules: [{ metric: 'error' }, { metric: 'error' }] }, 'rules[1].id'],
    ['alpha of 0.5', { alpha: 0.5 }, 'alpha'],
    ['alpha of 0', { alpha: 0 }, 'alpha'],
    ['alpha below 0', { promoteAlpha: -0.1 }, 'promoteAlpha'],
    ['a margin that no number of blocks breaches', { rules: [{ metric: 'error', margin: 0.9999 }] }, 'rules[0]'],
    ['a rule without alpha', { rules: [{ metric: 'error', weight: 0 }] }, 'rules[0].weight'],
    ['more units than there will ever be', { rules: [{ metric: 'error', minUnits: 10 ** 9 }] }, 'rules[0].minUnits'],
    ['a floor of 0', { weight: 0.1, rules: [{ metric: 'error', kind: 'floor', threshold: 0 }] }, 'rules[0].threshold'],
    ['a floor of 1', { weight: 0.1, rules: [{ metric: 'error', kind: 'floor', threshold: 1 }] }, 'rules[0].threshold'],
    [
      'a floor of a rank',
      { weight: 0.1, rules: [{ metric: 'latency', kind: 'floor', threshold: 0.5 }] },
      'rules[0].scale',
    ],
    [
      'an amount taken as 0 to 1',
      { weight: 0.1, rules: [{ metric: 'tokens', scale: { kind: 'unit' } }] },
      'rules[0].scale',
    ],
    ['a promotion margin of 0', { rules: [{ metric: 'error', promoteMargin: 0 }] }, 'rules[0].promoteMargin'],
    [
      'a floor as a gate',
      { weight: 0.1, rules: [{ metric: 'error', kind: 'floor', threshold: 0.5, promoteMargin: 0.1 }] },
      'rules[0].promoteMargin',
    ],
    ['a plan without a gate', { rules: [{ metric: 'latency' }] }, 'rules'],
    ['a plan that outlasts its horizon', { horizonMs: 3_599_999 }, 'steps'],
    [
      'a pin that has expired',
      { forced: [{ unit: 'u', arm: 'stable', until: '2026-10-31T00:00:00Z' }] },
      'forced[0].until',
    ],
    ['a scorer that judges nothing', { scorers: [{ id: 'q', kind: 'posted', sample: 0 }] }, 'scorers[0].sample'],
  ];

  test.each(senseless)('such as %s is refused as unprocessable, with its field', (_, input, field) => {
    expect(refusal(canary(input))).toEqual({ code: 'unprocessable', fields: [field] });
  });

  test.each(['soon', '2026-12-01', '2026-13-01T00:00:00Z', '2026-12-01T00:00:00', '1796083200000', ''])(
    '[defect 30] such as a pin until "%s" is refused: no instant is guessed',
    (until) => {
      const input = canary({ weight: 0.1, forced: [{ unit: 'u', arm: 'stable', until }] });
      expect(refusal(input)).toEqual({ code: 'invalid_argument', fields: ['forced[0].until'] });
    },
  );

  test('names every problem at once, and is invalid if one of them is of shape', () => {
    const { code, fields } = refusal(
      canary({ alpha: 0.7, eligibility: '', weight: 2, rules: [{ metric: 'error', margin: 3, minUnits: 0 }] }),
    );
    expect(code).toBe('invalid_argument');
    expect(fields.toSorted()).toEqual(['alpha', 'eligibility', 'rules[0].margin', 'rules[0].minUnits', 'weight']);
  });

  test('[g12.19] of any numbers and texts makes a record or the typed error', () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0));
    const text = fc.oneof(fc.string(), fc.constantFrom('a:b', '\ud800', '\u0000', 'x'.repeat(10_000)));
    const weird = fc.record(
      {
        candidateVersionId: text,
        weight: fc.oneof(number, text),
        steps: fc.array(fc.record({ weight: fc.oneof(number, text), minUnits: number, maxHarm: number }), {
          maxLength: 3,
        }),
        rules: fc.array(
          fc.record({
            metric: fc.constantFrom('error', 'latency', 'score:x' as const),
            margin: number,
            weight: number,
          }),
          { maxLength: 3 },
        ),
        forced: fc.array(fc.record({ unit: text, arm: text, until: text }), { maxLength: 2 }),
        routingKeys: fc.array(text, { maxLength: 3 }),
        eligibility: text,
        alpha: number,
        horizonMs: number,
        shadow: fc.oneof(number, text),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(weird, (input) => {
        try {
          return newRollout(canary(input)).record.arms.reduce((sum, arm) => sum + arm.parts, 0) === totalParts;
        } catch (thrown) {
          return isDomainError(thrown) && ['invalid_argument', 'unprocessable'].includes(thrown.code);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a refusal tells up to three problems, and counts those beyond', () => {
  const told = (input: NewRollout): string => {
    try {
      newRollout(input);
    } catch (error) {
      if (isDomainError(error)) return error.message;
    }
    throw new Error('it was not refused');
  };
  expect(told(canary({ alpha: 7, promoteAlpha: 7 }))).toMatch(/^alpha: [^;]+; promoteAlpha: [^;(]+$/);
  expect(told(canary({ alpha: 7, promoteAlpha: 7, valueDeadlineMs: -1, runDeadlineMs: -1 }))).toMatch(
    /^(?:\w+: [^;]+; ){2}\w+: [^;]+ \(and 1 more\)$/,
  );
});
