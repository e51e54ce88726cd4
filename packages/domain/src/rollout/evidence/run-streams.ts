import type { RolloutRecord, RolloutRule, RolloutUnit } from '../rollout-record.ts';
import { type BlockShape, closeEarly, type StreamUnit, takeUnit } from './block-stream.ts';
import { updateEProcess } from './e-process.ts';
import { partsOf } from './sample-ratio.ts';
import { missingX, scaleValue } from './scale-value.ts';
import type { RuleStream, ScorerStream, Streams } from './streams.ts';

/** ln(1/alpha) of the bound on harm: that of the promotion gate. */
export const lnHarmAlphaOf = ({ promoteAlpha }: Pick<RolloutRecord, 'promoteAlpha'>): number => -Math.log(promoteAlpha);

/** How a rule measures blocks. */
export const shapeOf = (record: Pick<RolloutRecord, 'promoteAlpha'>, rule: RolloutRule): BlockShape => ({
  margin: rule.margin,
  ...(rule.promoteMargin === undefined ? {} : { promoteMargin: rule.promoteMargin }),
  lnHarmAlpha: lnHarmAlphaOf(record),
  isRank: rule.scale.kind === 'rank',
});

/**
 * How its run went is known, or will never be. An open unit that has values was left by a crash before its end was written: the watermark waits, so that
 * whoever comes next finds it.
 */
const isOver = (unit: RolloutUnit, isMeasured: boolean): boolean =>
  unit.state === 'void' || (unit.state === 'ended' && (!isMeasured || unit.values['run_failed'] !== undefined));

const extend = (streak: { epoch: number; units: number }, unit: RolloutUnit, isSilent: boolean): void => {
  streak.units = isSilent ? (streak.epoch === unit.epoch ? streak.units : 0) + 1 : 0;
  streak.epoch = unit.epoch;
};

/** Nothing could be measured of its run: it hung, or a person cancelled it. */
const isSilent = ({ values }: RolloutUnit): boolean => values['run_failed'] === null;

/** Counts the units whose run is over, by epoch and arm, and follows those of which nothing is known. */
export const runCore = (record: RolloutRecord, { core }: Streams, units: readonly RolloutUnit[]): void => {
  const isMeasured = record.rules.some(({ metric }) => metric === 'run_failed');
  for (const unit of units) {
    if (unit.seq <= core.seq) continue;
    if (!isOver(unit, isMeasured)) return;
    core.seq = unit.seq;
    if (unit.state === 'void') continue;
    const counts = (core.counts[unit.epoch] ??= core.silent.map(() => 0));
    counts[unit.arm] = (counts[unit.arm] ?? 0) + 1;
    if (isSilent(unit)) {
      const unmeasured = ((core.unmeasured ??= {})[unit.epoch] ??= core.silent.map(() => 0));
      unmeasured[unit.arm] = (unmeasured[unit.arm] ?? 0) + 1;
    }
    const streak = core.silent[unit.arm];
    if (streak !== undefined && unit.values['run_failed'] !== undefined) extend(streak, unit, isSilent(unit));
  }
};

/** Follows the units without a score of one scorer. */
export const runScorer = (
  stream: ScorerStream,
  metric: string,
  units: readonly RolloutUnit[],
  sampler: Sampler,
): void => {
  for (const unit of units) {
    if (unit.seq <= stream.seq) continue;
    const value = unit.values[metric];
    const counts = unit.state !== 'void' && (sampler === undefined || sampler(unit));
    if (counts && value === undefined) return;
    stream.seq = unit.seq;
    // A run of which nothing at all is known says nothing about the scorer.
    if (counts && (value !== null || !isSilent(unit))) extend(stream, unit, value === null);
  }
};

type Sampler = ((unit: RolloutUnit) => boolean) | undefined;

/** Whether a unit's side is the rarer one of an arm and stable in the unit's epoch; the candidate's when they are equal. */
export type PivotFinder = (unit: RolloutUnit, arm: number) => boolean;

/** The pivots of a record. */
export const pivotFinder = (record: RolloutRecord): PivotFinder => {
  let epoch = -1;
  let parts: readonly number[] = [];
  return (unit, arm) => {
    if (unit.epoch !== epoch) {
      epoch = unit.epoch;
      parts = partsOf(record, epoch);
    }
    return (unit.arm === arm) === (parts[arm] ?? 0) <= (parts[0] ?? 0);
  };
};

/** x of a settled unit; undefined when it has none. Counts what is missing and what is no number. */
const xOf = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  unit: RolloutUnit,
  value: number | null | undefined,
): number | undefined => {
  if (unit.state === 'void' || value === undefined) return undefined;
  if (value !== null) {
    const x = scaleValue(rule, value);
    if (!Number.isNaN(x)) {
      if (unit.arm === stream.arm) countValued(stream, unit.epoch);
      return x;
    }
    stream.invalid += 1;
  } else {
    stream.missing += 1;
  }
  return record.onMissing === 'zero' ? missingX(rule) : undefined;
};

const countValued = ({ valued }: RuleStream, epoch: number): void => {
  valued[epoch] = (valued[epoch] ?? 0) + 1;
  // Whole numbers are the keys: they stand in ascending order.
  const epochs = Object.keys(valued);
  if (epochs.length > 16) delete valued[epochs[0] as string];
};

/** Runs the blocks of a rule over the units behind the watermark of its metric, and closes a block that the next one after it completes. */
export const runBlocks = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  units: readonly RolloutUnit[],
  sampler: Sampler,
  isPivot: PivotFinder,
): void => {
  const { blocks, arm } = stream;
  if (blocks === undefined) return;
  const shape = shapeOf(record, rule);
  const { metric } = rule;
  // One object for all units: this loop runs once per unit and rule.
  const taken = { seq: 0, at: 0, isCandidate: false, isPivot: false, x: undefined as number | undefined };
  let next = 0;
  while (next < units.length) {
    const unit = units[next] as RolloutUnit;
    if (unit.seq > blocks.seq) {
      if ((unit.arm !== 0 && unit.arm !== arm) || (sampler !== undefined && !sampler(unit))) {
        blocks.seq = unit.seq;
      } else {
        const value = unit.values[metric];
        if (value === undefined && unit.state !== 'void') break;
        taken.seq = unit.seq;
        taken.at = unit.at;
        taken.isCandidate = unit.arm === arm;
        taken.isPivot = isPivot(unit, arm);
        taken.x = xOf(record, rule, stream, unit, value);
        takeUnit(blocks, shape, taken);
      }
    }
    next += 1;
  }
  if (next < units.length) closeEarly(blocks, shape, assignedOf(units, next, arm, sampler, isPivot));
};

/** Assigned units from a place on, without their values. */
function* assignedOf(
  units: readonly RolloutUnit[],
  from: number,
  arm: number,
  sampler: Sampler,
  isPivot: PivotFinder,
): Generator<Omit<StreamUnit, 'x'>> {
  for (let i = from; i < units.length; i += 1) {
    const unit = units[i] as RolloutUnit;
    if ((unit.arm !== 0 && unit.arm !== arm) || (sampler !== undefined && !sampler(unit))) continue;
    yield { seq: unit.seq, at: unit.at, isCandidate: unit.arm === arm, isPivot: isPivot(unit, arm) };
  }
}

/** Runs a floor rule: each candidate value is a bet of its own. */
export const runFloor = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  units: readonly RolloutUnit[],
  sampler: Sampler,
): void => {
  const { floor, arm } = stream;
  if (floor === undefined) return;
  for (const unit of units) {
    if (unit.seq <= floor.seq) continue;
    if (unit.arm === arm && (sampler === undefined || sampler(unit))) {
      const value = unit.values[rule.metric];
      if (value === undefined && unit.state !== 'void') return;
      const x = xOf(record, rule, stream, unit, value);
      if (x !== undefined) {
        floor.n += 1;
        floor.sum += x;
        updateEProcess(floor.process, (rule.threshold ?? 0) - x);
      }
    }
    floor.seq = unit.seq;
  }
};
