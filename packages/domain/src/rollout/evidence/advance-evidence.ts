import type { Evidence } from '../evidence.ts';
import type { RolloutRecord, RolloutRule, RolloutUnit } from '../rollout-record.ts';
import { type BlockShape, closeEarly, createBlockStream, takeUnit } from './block-stream.ts';
import { createEProcess, updateEProcess } from './e-process.ts';
import type { UnitSampler } from './evidence-types.ts';
import { partsOf } from './sample-ratio.ts';
import { samplerOf } from './sampling.ts';
import { missingX, scaleValue } from './scale-value.ts';
import { copyStreams, type RuleStream, type ScorerStream, type Streams, streamKey, streamsOf } from './streams.ts';

/** Evidence of a rollout before its first unit. */
export const createEvidence = (record: RolloutRecord): Evidence => {
  const streams: Streams = {
    core: { seq: 0, counts: {}, silent: record.arms.map(() => ({ epoch: 0, units: 0 })) },
    rules: {},
    scorers: {},
  };
  reconcile(record, streams, 0);
  return { format: 1, settledSeq: 0, streams };
};

/**
 * The evidence with the given units: those after `evidence.settledSeq`, in order and without gaps, open ones among them. Each stream runs over
 * the units whose value is known or will never come, and stops at the first other one (the watermark), so any batches give what one batch
 * gives, and the same units twice change nothing. Rules that are new or changed begin behind `settledSeq`. `isSampled` is needed when a scorer samples
 * (`invalid_argument` else). Changes neither of its arguments.
 */
export const advanceEvidence = (
  record: RolloutRecord,
  evidence: Evidence,
  units: readonly RolloutUnit[],
  isSampled?: UnitSampler,
): Evidence => {
  const streams = copyStreams(streamsOf(evidence));
  reconcile(record, streams, evidence.settledSeq);
  runCore(record, streams, units);
  for (const { id } of record.scorers) {
    const stream = streams.scorers[id];
    if (stream !== undefined) runScorer(stream, `score:${id}`, units, samplerOf(record, `score:${id}`, isSampled));
  }
  const pivots = pivotFinder(record);
  for (const rule of record.rules) {
    const sampler = samplerOf(record, rule.metric, isSampled);
    for (let arm = 1; arm < record.arms.length; arm += 1) {
      const stream = streams.rules[streamKey(rule, arm)];
      if (stream?.blocks !== undefined) runBlocks(record, rule, stream, units, sampler, pivots);
      if (stream?.floor !== undefined) runFloor(record, rule, stream, units, sampler);
    }
  }
  return { format: 1, settledSeq: settledSeqOf(streams), streams };
};

/** ln(1/alpha) of the bound on harm: that of the promotion gate. */
export const lnHarmAlphaOf = ({ promoteAlpha }: Pick<RolloutRecord, 'promoteAlpha'>): number => -Math.log(promoteAlpha);

/** How a rule measures blocks. */
export const shapeOf = (record: Pick<RolloutRecord, 'promoteAlpha'>, rule: RolloutRule): BlockShape => ({
  margin: rule.margin,
  ...(rule.promoteMargin === undefined ? {} : { promoteMargin: rule.promoteMargin }),
  lnHarmAlpha: lnHarmAlphaOf(record),
  isRank: rule.scale.kind === 'rank',
});

const printOf = ({ metric, direction, kind, margin, threshold, scale, promoteMargin }: RolloutRule): string =>
  JSON.stringify([metric, direction, kind, margin, threshold ?? null, scale, promoteMargin ?? null]);

/** Keeps the streams of rules that stayed equal, drops the others, and begins new ones. */
const reconcile = (record: RolloutRecord, streams: Streams, seq: number): void => {
  const kept = new Set<string>();
  for (const rule of record.rules) {
    const print = printOf(rule);
    for (let arm = 1; arm < record.arms.length; arm += 1) {
      const key = streamKey(rule, arm);
      kept.add(key);
      if (streams.rules[key]?.print === print) continue;
      streams.rules[key] = {
        print,
        arm,
        missing: 0,
        invalid: 0,
        valued: {},
        ...(rule.kind === 'floor'
          ? { floor: { seq, n: 0, sum: 0, process: createEProcess() } }
          : { blocks: createBlockStream(seq, rule.promoteMargin !== undefined) }),
      };
    }
  }
  for (const key of Object.keys(streams.rules)) if (!kept.has(key)) delete streams.rules[key];
  const scorers = new Set(record.scorers.map(({ id }) => id));
  for (const id of scorers) streams.scorers[id] ??= { seq, epoch: 0, units: 0 };
  for (const id of Object.keys(streams.scorers)) if (!scorers.has(id)) delete streams.scorers[id];
};

/** How its run went is known, or will never be. */
const isOver = (unit: RolloutUnit, isMeasured: boolean): boolean =>
  unit.state === 'void' || unit.values['run_failed'] !== undefined || (!isMeasured && unit.state === 'ended');

const extend = (streak: { epoch: number; units: number }, unit: RolloutUnit, isSilent: boolean): void => {
  streak.units = isSilent ? (streak.epoch === unit.epoch ? streak.units : 0) + 1 : 0;
  streak.epoch = unit.epoch;
};

/** Nothing could be measured of its run: it hung, or a person cancelled it. */
const isSilent = ({ values }: RolloutUnit): boolean => values['run_failed'] === null;

const runCore = (record: RolloutRecord, { core }: Streams, units: readonly RolloutUnit[]): void => {
  const isMeasured = record.rules.some(({ metric }) => metric === 'run_failed');
  for (const unit of units) {
    if (unit.seq <= core.seq) continue;
    if (!isOver(unit, isMeasured)) return;
    core.seq = unit.seq;
    if (unit.state === 'void') continue;
    const counts = (core.counts[unit.epoch] ??= core.silent.map(() => 0));
    counts[unit.arm] = (counts[unit.arm] ?? 0) + 1;
    const streak = core.silent[unit.arm];
    if (streak !== undefined && unit.values['run_failed'] !== undefined) extend(streak, unit, isSilent(unit));
  }
};

const runScorer = (
  stream: ScorerStream,
  metric: string,
  units: readonly RolloutUnit[],
  sampler: ((unit: RolloutUnit) => boolean) | undefined,
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

/** Whether a unit's side is the rarer one of an arm and stable in the unit's epoch; the candidate's when they are equal. */
const pivotFinder = (record: RolloutRecord): ((unit: RolloutUnit, arm: number) => boolean) => {
  const byEpoch = new Map<number, readonly number[]>();
  return (unit, arm) => {
    let parts = byEpoch.get(unit.epoch);
    if (parts === undefined) {
      parts = partsOf(record, unit.epoch);
      byEpoch.set(unit.epoch, parts);
    }
    return (unit.arm === arm) === (parts[arm] ?? 0) <= (parts[0] ?? 0);
  };
};

/** x of a settled unit; undefined when it has none. Counts what is missing and what is no number. */
const valueOf = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  unit: RolloutUnit,
): number | undefined => {
  const value = unit.values[rule.metric];
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

const isSettled = (unit: RolloutUnit, metric: string): boolean =>
  unit.state === 'void' || unit.values[metric] !== undefined;

const runBlocks = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  units: readonly RolloutUnit[],
  sampler: ((unit: RolloutUnit) => boolean) | undefined,
  isPivot: (unit: RolloutUnit, arm: number) => boolean,
): void => {
  const { blocks, arm } = stream;
  if (blocks === undefined) return;
  const shape = shapeOf(record, rule);
  const belongs = (unit: RolloutUnit): boolean =>
    (unit.arm === 0 || unit.arm === arm) && (sampler === undefined || sampler(unit));
  const placed = (unit: RolloutUnit) => ({
    seq: unit.seq,
    at: unit.at,
    isCandidate: unit.arm === arm,
    isPivot: isPivot(unit, arm),
  });
  let next = 0;
  for (; next < units.length; next += 1) {
    const unit = units[next] as RolloutUnit;
    if (unit.seq <= blocks.seq) continue;
    if (!belongs(unit)) {
      blocks.seq = unit.seq;
      continue;
    }
    if (!isSettled(unit, rule.metric)) break;
    takeUnit(blocks, shape, { ...placed(unit), x: valueOf(record, rule, stream, unit) });
  }
  function* waiting() {
    for (let i = next; i < units.length; i += 1) {
      const unit = units[i] as RolloutUnit;
      if (belongs(unit)) yield placed(unit);
    }
  }
  if (next < units.length) closeEarly(blocks, shape, waiting());
};

const runFloor = (
  record: RolloutRecord,
  rule: RolloutRule,
  stream: RuleStream,
  units: readonly RolloutUnit[],
  sampler: ((unit: RolloutUnit) => boolean) | undefined,
): void => {
  const { floor, arm } = stream;
  if (floor === undefined) return;
  for (const unit of units) {
    if (unit.seq <= floor.seq) continue;
    if (unit.arm === arm && (sampler === undefined || sampler(unit))) {
      if (!isSettled(unit, rule.metric)) return;
      const x = valueOf(record, rule, stream, unit);
      if (x !== undefined) {
        floor.n += 1;
        floor.sum += x;
        updateEProcess(floor.process, (rule.threshold ?? 0) - x);
      }
    }
    floor.seq = unit.seq;
  }
};

/** Units up to here are behind every watermark. */
const settledSeqOf = ({ core, rules, scorers }: Streams): number =>
  Math.min(
    core.seq,
    ...Object.values(rules).map(({ blocks, floor }) => blocks?.seq ?? floor?.seq ?? core.seq),
    ...Object.values(scorers).map(({ seq }) => seq),
  );
