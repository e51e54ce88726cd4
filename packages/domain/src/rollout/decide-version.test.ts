import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after, canary, evidenceOf, experiment, sha256, start, startOf } from '../../test/rollout-samples.ts';
import type { AgentDecision } from '../run/run-fact.ts';
import { decideVersion, type VersionChoices } from './decide-version.ts';
import { type RolloutRecord, totalParts } from './rollout-record.ts';
import { canarySegments } from './segments.ts';
import { placeUnit } from './unit-place.ts';

const active = 'sha256:aa';
const candidate = 'sha256:bb';
const half = startOf(canary({ weight: 0.5 }));
const top = { position: totalParts - 1, unit: 'f'.repeat(32) };
const bottom = { position: 0, unit: '0'.repeat(32) };
const now = start;
const about = { rolloutId: 'rol_1', revision: 1, epoch: 1 };

describe('the version of an agent without a rollout', () => {
  const earlier = { versionId: 'old', source: 'active' } as const;

  test('is the explicit one, then that of the retried run, then the active one', () => {
    expect(decideVersion({ explicit: 'asked', earlier, active: 'new', now })).toEqual({
      decision: { versionId: 'asked', source: 'explicit' },
    });
    expect(decideVersion({ earlier, active: 'new', now })).toEqual({
      decision: { versionId: 'old', source: 'retry' },
    });
    expect(decideVersion({ active: 'new', now })).toEqual({ decision: { versionId: 'new', source: 'active' } });
    expect(decideVersion({ now })).toBeUndefined();
  });

  test('is the active one when the agent is frozen', () => {
    expect(decideVersion({ active, frozen: true, now })).toEqual({ decision: { versionId: active, source: 'frozen' } });
    expect(decideVersion({ frozen: true, now })).toBeUndefined();
  });

  test('is the active one when its rollout is over', () => {
    for (const type of ['rollback', 'cancel'] as const) {
      const over = after(half, { type, reason: 'requested' });
      expect(decideVersion({ active, rollout: over, place: top, now })).toEqual({
        decision: { versionId: active, source: 'active' },
      });
    }
  });
});

describe('the version of an agent with a rollout', () => {
  test('is that of the segments, with all that says how it came about', () => {
    expect(decideVersion({ active, rollout: half, unit: 'u', place: top, now })).toEqual({
      decision: { versionId: candidate, source: 'segments', ...about, ...top, arm: 1 },
      tally: 'routed',
    });
    expect(decideVersion({ active, rollout: half, unit: 'u', place: bottom, now })).toEqual({
      decision: { versionId: active, source: 'segments', ...about, ...bottom, arm: 0 },
      tally: 'routed',
    });
  });

  test('is the explicit one if there is one, which is not counted', () => {
    expect(decideVersion({ explicit: 'asked', active, frozen: true, rollout: half, place: top, now })).toEqual({
      decision: { versionId: 'asked', source: 'explicit' },
      tally: 'explicit',
    });
  });

  test('of a retry is that of the retried run with its arm, and is not counted again', () => {
    const first = decideVersion({ active, rollout: half, place: top, now })?.decision as AgentDecision;
    const later = after(half, { type: 'set_weight', parts: [totalParts, 0] });
    expect(decideVersion({ earlier: first, active, frozen: true, rollout: later, place: top, now })).toEqual({
      decision: { ...first, source: 'retry' },
    });
  });

  test('is the active one while the agent is frozen', () => {
    expect(decideVersion({ active, frozen: true, rollout: half, place: top, now })).toEqual({
      decision: { versionId: active, source: 'frozen' },
      tally: 'frozen',
    });
  });

  test('[defect 52] is the stable one while the rollout is paused, or its weight is 0', () => {
    const paused = after(half, { type: 'pause', reason: 'requested' });
    expect(decideVersion({ active, rollout: paused, place: top, now })).toMatchObject({
      decision: { versionId: active, source: 'stable', because: 'paused', arm: 0 },
      tally: 'paused',
    });
    const zero = startOf(canary({ weight: 0 }));
    expect(decideVersion({ active, rollout: zero, place: top, now })?.decision).toMatchObject({
      versionId: active,
      arm: 0,
    });
  });

  test('is the active one while the rollout is a draft', () => {
    const draft = startOf(canary({ draft: true }));
    expect(decideVersion({ active: 'sha256:newer', rollout: draft, place: top, now })?.decision).toMatchObject({
      versionId: 'sha256:newer',
      because: 'paused',
    });
  });

  test('[defect 57] is the stable one for a run without a routing key, which is counted', () => {
    expect(decideVersion({ active, rollout: half, now })).toEqual({
      decision: { versionId: active, source: 'stable', ...about, arm: 0, because: 'unrouted' },
      tally: 'unrouted',
    });
  });

  test('is the stable one for a run that is not eligible, or whose condition has no answer', () => {
    const eligible = startOf(canary({ weight: 1, eligibility: 'context.plan == "pro"' }));
    for (const answer of [{ eligible: false }, {}]) {
      expect(decideVersion({ active, rollout: eligible, place: top, ...answer, now })).toMatchObject({
        decision: { versionId: active, because: 'ineligible' },
        tally: 'ineligible',
      });
    }
    expect(decideVersion({ active, rollout: eligible, place: top, eligible: true, now })?.tally).toBe('routed');
  });

  test('of a forced unit is that of its arm until the pin expires, before eligibility and position', () => {
    const forced = [
      { unit: 'a:b', arm: 'candidate', until: new Date(start + 1_000).toISOString() },
      { unit: 'vip', arm: 'stable' },
    ];
    const pinned = startOf(canary({ weight: 1, forced, eligibility: 'false' }));
    const of = (unit: string, at: number) =>
      decideVersion({ active, rollout: pinned, unit, place: bottom, eligible: false, now: at });
    expect(of('a:b', start + 999)).toMatchObject({
      decision: { versionId: candidate, source: 'forced' },
      tally: 'forced',
    });
    expect(of('a:b', start + 1_000)).toMatchObject({ decision: { versionId: active, because: 'ineligible' } });
    expect(of('vip', start)).toMatchObject({ decision: { versionId: active, source: 'forced', arm: 0 } });
    const paused = after(pinned, { type: 'pause', reason: 'requested' });
    expect(decideVersion({ active, rollout: paused, unit: 'a:b', place: top, now })?.tally).toBe('paused');
  });

  test('never is the candidate by segments after a rollback, whatever the unit (I7)', () => {
    const rolledBack = after(half, { type: 'rollback', reason: 'regression', evidence: evidenceOf([1, 1]) });
    for (let index = 0; index < 200; index += 1) {
      const place = placeUnit(sha256, half.salt, `user-${index}`);
      expect(decideVersion({ active, rollout: rolledBack, place, now })?.decision.versionId).toBe(active);
    }
  });
});

/** Anything that the types allow, sound or not. */
const anyRecord: fc.Arbitrary<RolloutRecord> = fc
  .record({
    status: fc.constantFrom('draft', 'active', 'paused', 'completed', 'rolled_back', 'cancelled'),
    arms: fc.array(fc.record({ versionId: fc.string(), label: fc.string(), parts: fc.nat() }), { maxLength: 8 }),
    segments: fc.array(fc.record({ lo: fc.nat(), hi: fc.nat(), arm: fc.nat({ max: 9 }) }), { maxLength: 12 }),
    forced: fc.array(
      fc.record({ unit: fc.string(), arm: fc.nat({ max: 9 }), until: fc.nat() }, { requiredKeys: ['unit', 'arm'] }),
      { maxLength: 3 },
    ),
    eligibility: fc.constantFrom(undefined, 'true'),
    revision: fc.nat(),
    epoch: fc.nat(),
  })
  .map(({ eligibility, ...fields }) => ({ ...half, ...fields, ...(eligibility === undefined ? {} : { eligibility }) }));

const anyChoices: fc.Arbitrary<VersionChoices> = fc.record(
  {
    explicit: fc.string(),
    earlier: fc.constant({ versionId: 'old', source: 'segments', rolloutId: 'rol_0', arm: 1 } as const),
    active: fc.string(),
    frozen: fc.boolean(),
    rollout: anyRecord,
    unit: fc.string(),
    place: fc.record({ position: fc.oneof(fc.nat(), fc.double()), unit: fc.string() }),
    eligible: fc.boolean(),
    now: fc.nat(),
  },
  { requiredKeys: ['now', 'rollout'] },
);

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
};

describe('the decision', () => {
  test('[g12.7] is pure and total for any record that the types accept, and counts segments alone as routed', () => {
    fc.assert(
      fc.property(anyChoices, (choices) => {
        const once = decideVersion(deepFreeze(choices));
        expect(decideVersion(choices)).toEqual(once);
        if (once === undefined) {
          expect(choices.active).toBeUndefined();
          return;
        }
        const { decision, tally } = once;
        const known = [choices.explicit, choices.active, 'old', choices.rollout?.stableVersionId];
        const arms = (choices.rollout?.arms ?? []).map((arm) => arm.versionId);
        expect([...known, ...arms]).toContain(decision.versionId);
        expect(tally === 'routed').toBe(decision.source === 'segments');
      }),
      { numRuns: 300 },
    );
  });

  test('[g12.7] is the one that an experiment of eight arms gives at both ends of each segment', () => {
    const eight = startOf(experiment([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]));
    for (const { lo, hi, arm } of eight.segments) {
      for (const position of [lo, hi - 1]) {
        const place = { position, unit: 'u' };
        expect(decideVersion({ active, rollout: eight, place, now })?.decision.versionId).toBe(
          eight.arms[arm]?.versionId,
        );
      }
      const next = decideVersion({ active, rollout: eight, place: { position: hi, unit: 'u' }, now })?.decision.arm;
      expect(next).toBe(hi === totalParts ? 0 : arm + 1);
    }
    expect(canarySegments(0)).toHaveLength(1);
  });
});
