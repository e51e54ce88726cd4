import { type NewRollout, newRollout } from '@skein/domain';
import { describe, expect, it } from 'vitest';
import { forecastPlan } from './forecast-plan.ts';

const base = {
  tenant: 'default',
  id: 'rol_1',
  agentId: 'triage',
  stableVersionId: 'sha256:aa',
  salt: 'salt-1',
  by: { actor: 'ada' },
  at: Date.parse('2026-11-01T00:00:00Z'),
  memoryRevision: 0,
} as const;

const forecastOf = (unitsPerDay: number, input: NewRollout) => forecastPlan(newRollout(input).record, unitsPerDay);

const forecast = (unitsPerDay: number, input: Partial<NewRollout>) =>
  forecastOf(unitsPerDay, { ...base, type: 'canary', candidateVersionId: 'sha256:bb', ...input });

describe('a forecast', () => {
  it('has the days of each step and of all of them', () => {
    const { steps, days, impossible } = forecast(10_000, {
      steps: [
        { weight: '0.01', minUnits: 50, minDurationMs: 0 },
        { weight: '1', minUnits: 0, minDurationMs: 86_400_000 },
      ],
    });
    expect(steps.map(({ candidateUnitsPerDay }) => candidateUnitsPerDay)).toEqual([100, 10_000]);
    expect(steps[1]).toMatchObject({ weight: '1', days: 1 });
    expect(days).toBeCloseTo((steps[0]?.days ?? 0) + 1, 2);
    expect(impossible).toBeUndefined();
  });

  it('of an experiment has a line for each arm, and neither days nor an end that it never reaches', () => {
    const arms = [
      { versionId: 'sha256:aa', weight: '0.5' },
      { versionId: 'sha256:bb', weight: '0.2', label: 'short' },
      { versionId: 'sha256:cc', weight: '0.3', label: 'long' },
    ];
    expect(forecastOf(100, { ...base, type: 'ab_test', arms })).toEqual({
      unitsPerDay: 100,
      steps: [
        { weight: '0.2', candidateUnitsPerDay: 20, label: 'short' },
        { weight: '0.3', candidateUnitsPerDay: 30, label: 'long' },
      ],
      warnings: [],
    });
  });

  it('of a weight that is set by hand warns of few units, and is never impossible', () => {
    const { steps, warnings, impossible } = forecast(10, { weight: '0.01' });
    expect(steps).toEqual([{ weight: '0.01', candidateUnitsPerDay: 0.1, label: 'candidate' }]);
    expect(warnings).toEqual([expect.stringContaining('about 3 units')]);
    expect(impossible).toBeUndefined();
  });

  it('says which step takes too long', () => {
    const { impossible } = forecast(10, { steps: [{ weight: '0.001', minUnits: 20 }, { weight: '1' }] });
    expect(impossible).toContain('the step at 0.1 % alone takes');
  });

  it('knows nothing of traffic that was not there', () => {
    const { unitsPerDay, steps, impossible, days, warnings } = forecast(0, {
      steps: [{ weight: '0.5' }, { weight: '1' }],
    });
    expect({ unitsPerDay, impossible, days }).toEqual({ unitsPerDay: 0, impossible: undefined, days: undefined });
    expect(steps.every((step) => !('days' in step))).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('nothing is known')]);
  });
});
