import type { RolloutResults } from '@skein/sdk';
import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import { rolloutInfo } from '../../test/rollout-info.ts';
import { fit } from '../rollout/screen.ts';
import { rolloutChanges } from '../rollout/show-rollout.ts';
import { renderResults } from './render-results.ts';
import { bar, figure, renderForecast, renderRollout } from './render-rollout.ts';

const colors = picocolors.createColors(false);
const now = Date.parse('2026-11-02T03:06:05.000Z');

test('a rollout on one screen: weights as bars, units, tests against their thresholds, and the sentences as they are', () => {
  expect(renderRollout(colors, rolloutInfo(), now).split('\n')).toEqual([
    'rollout   rol_1 of writer, revision 3',
    'status    active (requested)',
    'step      1 of 2: 0.1 %, for 2 m 00 s, at least 8 m 00 s more, 20 units',
    'SRM       ok: units are shared out as the weights say (ln B -1.5, an alarm from 6.908 on)',
    'unrouted  7',
    'keys      resourceId, threadId',
    'memory    frozen at revision 0: runs read that, and what they learn waits for the end',
    'started   2026-11-02 03:04:05',
    'alpha     0.01: the chance of a false rollback is at most this',
    '',
    'ARM        VERSION                 WEIGHT                        UNITS  SCORES',
    'stable     v1 sha256:aaaaaaaaaaaa  ████████████████████  99.9 %  2000   polite 0.9123 (400)',
    'candidate  v2 sha256:bbbbbbbbbbbb  ▏···················  0.1 %   2',
    '',
    'RULE   ARM        GOODNESS  OF STABLE    WORSE BY AT MOST  E-VALUE              OF   PROMOTION  MISSING',
    'error  candidate  0.5 (2)   0.98 (1900)  0.75              10       █████·····  100  0.5 of 20  1',
    'goodness: from 0 to 1, and 1 is best, so error 1 is no error at all; values in brackets',
    '',
    'The canary of v2 began.',
    'admin asked for it.',
    '0.1 % of units get v2.',
    '- 18 more units (2026-11-02 03:14:05)',
  ]);
});

test('an ended one says who won and when; a frozen agent says so', () => {
  const text = renderRollout(
    colors,
    rolloutInfo({ status: 'completed', winner: 'candidate', completedAt: '2026-11-03T00:00:00.000Z' }),
    now,
    { agentId: 'writer', by: 'admin', reason: 'on fire', at: '2026-11-02T03:04:05.000Z' },
  );
  expect(text).toContain('candidate won');
  expect(text).toContain('ended     2026-11-03 00:00:00');
  expect(text).toContain('frozen    by admin at 2026-11-02 03:04:05: on fire');
  expect(text).not.toContain('\nstep');
});

test('without evidence there is a sentence, not an empty table', () => {
  const { evidence: _evidence, ...bare } = rolloutInfo();
  expect(renderRollout(colors, bare, now)).toContain('no evidence yet');
});

test('a breach, an alarm and what somebody else wrote cannot be overlooked or steer the terminal', () => {
  const loud = picocolors.createColors(true);
  const { evidence, ...rest } = rolloutInfo();
  if (evidence === undefined) throw new Error('it has evidence');
  const tests = evidence.tests.map((each) => ({ ...each, breached: true, eValue: 120, rule: 'bad\u001b[2J' }));
  const text = renderRollout(
    loud,
    { ...rest, evidence: { ...evidence, tests, srm: { lnB: 9, threshold: 6.9, alarm: true } } },
    now,
  );
  expect(text).toContain(loud.red('120'));
  expect(text).toContain(loud.red('alarm: units are not shared out as the weights say (ln B 9, over 6.9)'));
  expect(text).not.toContain('\u001b[2J');
});

test('bars show a little as more than nothing', () => {
  expect([0, 1e-6, 0.05, 0.5, 1].map((share) => bar(share, 10))).toEqual([
    '··········',
    '▏·········',
    '█·········',
    '█████·····',
    '██████████',
  ]);
});

test('figures have four digits that matter', () => {
  expect([0, 1, 0.91234, 12_345.6, 1e9, 0.000_012, Number.POSITIVE_INFINITY].map(figure)).toEqual([
    '0',
    '1',
    '0.9123',
    '12350',
    '1.00e+9',
    '1.20e-5',
    '',
  ]);
});

test('a forecast says what each step takes, and why a plan cannot finish', () => {
  const steps = [
    { weight: '0.001', candidateUnitsPerDay: 0.12 },
    { weight: '1', candidateUnitsPerDay: 120, days: 0.17 },
  ];
  const lines = renderForecast(colors, {
    unitsPerDay: 120,
    steps,
    warnings: ['few units'],
    impossible: 'step 1 never ends',
  });
  expect(lines.join('\n').split('\n')).toEqual([
    '120 units per day use the agent',
    'STEP  WEIGHT  CANDIDATE UNITS PER DAY  DAYS',
    '1     0.1 %   0.12                     never',
    '2     100 %   120                      0.17',
    'warning few units',
    'impossible step 1 never ends',
  ]);
});

test('lines are told once: how it stands, what was decided, what it waits for', () => {
  const first = rolloutInfo();
  expect(rolloutChanges({ colors }, undefined, first)).toEqual([
    '2026-11-02 03:04:05  active  revision 3  step 1/2  stable 99.9 % (2000 units)  candidate 0.1 % (2 units)  error E 10 of 100',
    '  The canary of v2 began.',
    '  admin asked for it.',
    '  0.1 % of units get v2.',
    '  - 18 more units',
  ]);
  expect(rolloutChanges({ colors }, first, { ...first })).toEqual([]);
  const waiting = [{ code: 'min_units', message: '17 more units' }];
  expect(rolloutChanges({ colors }, first, rolloutInfo({ waitingFor: waiting }))).toEqual(['  - 17 more units']);
});

test('a rollout shows who is pinned to what, and what changes of its rules made of alpha', () => {
  const units = ['customer-1', 'b', 'c', 'd', 'e', 'f'];
  const forced = units.map((unit, at) => ({ unit, arm: 1, ...(at === 0 ? { until: now } : {}) }));
  const text = renderRollout(colors, rolloutInfo({ forced, alphaSpent: 0.03 }), now);
  expect(text).toContain('pins      customer-1 gets candidate until 2026-11-02 03:06:05, b gets candidate, c gets');
  expect(text).toContain('e gets candidate, and 1 more\n');
  expect(text).toContain('at most this, 0.03 with the rules that were changed\n');
  expect(renderRollout(colors, rolloutInfo({ status: 'draft' }), now)).not.toMatch(/^(?:memory|pins)/m);
});

test('results show each metric of each arm with its band, unless there are too few values for one', () => {
  const quantiles = { p10: 0, p50: 0.5, p90: 1, p99: 1 };
  const metric = { metric: 'error', count: 4, missing: 1, mean: 0.25, sd: 0.5, min: 0, max: 1, quantiles } as const;
  const results: RolloutResults = {
    rolloutId: 'rol_1',
    agentId: 'writer',
    type: 'canary',
    status: 'rolled_back',
    epochs: 2,
    alpha: 0.01,
    alphaSpent: 0.01,
    srm: { lnB: -1, threshold: 6.9, alarm: false, chiSquare: 0.2, pValue: 0.65, expected: [95, 5] },
    tallies: { routed: 100, forced: 1 },
    unrouted: 3,
    missing: 1,
    allocations: [
      {
        versionId: 'sha256:a',
        label: 'stable',
        units: 95,
        requestCount: 120,
        metrics: [metric, { ...metric, metric: 'tokens', count: 5, missing: 0 }],
        scores: {},
      },
      {
        versionId: 'sha256:b',
        label: 'candidate',
        units: 5,
        requestCount: 6,
        metrics: [
          { ...metric, missing: 0, difference: { mean: 0.1, lower: -0.05, upper: 0.25 }, eValue: 3.2 },
          { ...metric, metric: 'tokens', count: 9, missing: 0, difference: { mean: 2, lower: -1, upper: 5 } },
        ],
        scores: {},
      },
    ],
    explanation: rolloutInfo().explanation,
  };
  expect(renderResults(colors, results).split('\n')).toEqual([
    'rol_1 of writer rolled_back',
    '',
    'ARM        METRIC  N  MISSING  MEAN  SD   P50  P90  DIFFERENCE [BAND]  E-VALUE',
    'stable     error   4  1        0.25  0.5  0.5  1',
    'stable     tokens  5           0.25  0.5  0.5  1',
    'candidate  error   4           0.25  0.5  0.5  1    0.1 –              3.2',
    'candidate  tokens  9           0.25  0.5  0.5  1    2 [-1, 5]',
    '',
    'ARM        UNITS  RUNS',
    'stable     95     120',
    'candidate  5      6',
    '',
    'SRM       ok: units are shared out as the weights say (ln B -1, an alarm from 6.9 on), chi-square 0.2, p 0.65',
    'alpha     0.01: the chance of a false rollback is at most this, 2 epochs',
    'counted   routed 100, forced 1, unrouted 3, missing 1',
    '',
    'The canary of v2 began.',
    'admin asked for it.',
    '0.1 % of units get v2.',
  ]);
});

test('shadows stand beside the evidence', () => {
  const metrics = [{ metric: 'error', count: 3, live: 1, shadow: 0.5, meanDifference: -0.5, sd: 0.1 }];
  const none = { lnB: 0, threshold: 6.9, alarm: false, chiSquare: 0, pValue: 1, expected: [] };
  const text = renderResults(colors, {
    rolloutId: 'rol_1',
    agentId: 'writer',
    type: 'canary',
    status: 'active',
    epochs: 1,
    alpha: 0.01,
    alphaSpent: 0.01,
    srm: none,
    tallies: {},
    unrouted: 0,
    missing: 0,
    allocations: [],
    shadow: { shadows: 4, failed: 1, skipped: 2, divergedCalls: 3, metrics },
    explanation: rolloutInfo().explanation,
  });
  expect(text).toContain('shadows   4, failed 1, left out 2, calls that were not recorded 3');
  expect(text).toContain('error   3  1     0.5     -0.5             0.1');
});

test('a line is cut to the width of the terminal, its colours are kept', () => {
  expect(fit('abcdef', 7)).toBe('abcdef');
  expect(fit('abcdef', 6)).toBe('abcd…');
  expect(fit('😀😀😀😀', 4)).toBe('😀😀…');
  expect(fit('\u001b[31mabc\u001b[39mdef', 5)).toBe('\u001b[31mabc\u001b[39m…');
  expect(fit('\u001b[31mabcdef\u001b[39m', 4)).toBe('\u001b[31mab…\u001b[39m');
});

test('a forecast without a plan has a line for each arm and no end; unknown traffic is not never', () => {
  const arms = [
    { weight: '0.2', candidateUnitsPerDay: 24, label: 'short' },
    { weight: '0.3', candidateUnitsPerDay: 36, label: 'long' },
  ];
  expect(renderForecast(colors, { unitsPerDay: 120, steps: arms, warnings: [] }).join('\n').split('\n')).toEqual([
    '120 units per day use the agent',
    'ARM    WEIGHT  ITS UNITS PER DAY',
    'short  20 %    24',
    'long   30 %    36',
    'no plan: weights stay until somebody changes them',
  ]);
  const unknown = renderForecast(colors, {
    unitsPerDay: 0,
    steps: [{ weight: '0.05', candidateUnitsPerDay: 0 }],
    warnings: [],
  }).join('\n');
  expect(unknown.split('\n')).toEqual([
    'STEP  WEIGHT  CANDIDATE UNITS PER DAY  DAYS',
    '1     5 %     unknown                  unknown',
  ]);
});
