import type { Evidence, RolloutRecord, RolloutUnit, UnitSampler, Verdict } from '@skein/domain';
import { advanceEvidence, createEvidence, isSampled, judgeRollout } from '@skein/domain';
import type { StoredEvidence } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** Units that are read at once, and that one look holds: more of them wait behind the watermark for the next. */
const pageUnits = 1_000;
const maxUnits = 50_000;

/** What is known of a live rollout at one instant. */
export interface Weighed {
  readonly stored: StoredEvidence;
  readonly evidence: Evidence;
  /** Differs from what is stored. */
  readonly changed: boolean;
  readonly verdict: Verdict;
}

/** Units after this one, in order. */
const readUnits = async (
  engine: Engine,
  { tenant, id }: RolloutRecord,
  afterSeq: number,
): Promise<readonly RolloutUnit[]> => {
  const units: RolloutUnit[] = [];
  let last = afterSeq;
  while (units.length < maxUnits) {
    const page = await engine.deps.rollouts.readUnits(tenant, id, last, pageUnits);
    units.push(...page);
    last = page.at(-1)?.seq ?? last;
    if (page.length < pageUnits) return units;
  }
  engine.deps.log.warn('more units wait behind the watermark of a rollout than one look reads', {
    tenant,
    rolloutId: id,
    afterSeq,
    read: units.length,
  });
  return units;
};

/**
 * Reads the units that are not in the stored evidence yet, moves it on, and judges. A pure function of rows, the breaker's counts and `now`; writes
 * nothing. Throws `unavailable`.
 */
export const weighRollout = async (engine: Engine, record: RolloutRecord): Promise<Weighed> => {
  const { rollouts, clock } = engine.deps;
  const [stored, tallies] = await Promise.all([
    rollouts.loadEvidence(record.tenant, record.id),
    rollouts.readTallies(record.tenant, record.id),
  ]);
  const { hasher } = engine.deps;
  const { breakerFailures, breakerWindowMs } = engine.config.rollouts;
  const sampler: UnitSampler = ({ sample }, unit) =>
    isSampled((bytes) => hasher.bytes(bytes), record.salt, unit, sample, 'sample');
  const before = stored.evidence;
  let evidence = before ?? createEvidence(record);
  let units: readonly RolloutUnit[];
  for (;;) {
    const from = evidence.settledSeq;
    units = await readUnits(engine, record, from);
    evidence = advanceEvidence(record, evidence, units, sampler);
    if (units.length < maxUnits || evidence.settledSeq === from) break;
  }
  const settled = evidence.settledSeq;
  const verdict = judgeRollout({
    record,
    evidence,
    units: units.filter(({ seq }) => seq > settled),
    unrouted: tallies.unrouted ?? 0,
    now: clock.now(),
    breaker: { ...engine.evaluator.breaker.of(record), limit: breakerFailures, windowMs: breakerWindowMs },
    isSampled: sampler,
  });
  const changed = before === undefined || JSON.stringify(before) !== JSON.stringify(evidence);
  return { stored, evidence, changed, verdict };
};
