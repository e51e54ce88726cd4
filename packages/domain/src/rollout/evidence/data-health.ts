import type { JudgeInput } from '../evidence.ts';
import type { RolloutUnit, Scorer } from '../rollout-record.ts';
import { samplerOf } from './sampling.ts';
import { streamsOf } from './streams.ts';

/** Units in a row without a value that are an outage and not an accident. */
export const outageUnits = 3;

interface Silence {
  readonly units: number;
  /** A deadline passed on one of them. */
  readonly isOverdue: boolean;
}

/** Follows a streak over units that wait behind the watermark: `look` says what one of them tells. */
const follow = (
  start: Silence,
  units: Iterable<RolloutUnit>,
  look: (unit: RolloutUnit) => 'value' | 'overdue' | 'waiting' | undefined,
): Silence => {
  let { units: n, isOverdue } = start;
  for (const unit of units) {
    const told = look(unit);
    if (told === undefined) continue;
    n = told === 'value' ? 0 : n + 1;
    isOverdue = told !== 'value' && (isOverdue || told === 'overdue');
  }
  return { units: n, isOverdue };
};

const isOutage = ({ units, isOverdue }: Silence): boolean => units >= outageUnits && isOverdue;

const startOf = (streak: { readonly epoch: number; readonly units: number } | undefined, epoch: number): Silence => {
  // What was silent before a resume or a change of weights was answered by it.
  const units = streak?.epoch === epoch ? streak.units : 0;
  return { units, isOverdue: units > 0 };
};

/**
 * Candidate arms of which the last three units or more yielded nothing at all: their runs hang, are cancelled, or nobody measures them. Only units
 * of the present epoch count.
 */
export const silentArms = (input: JudgeInput): readonly number[] => {
  const { record, evidence, units, now } = input;
  const { core } = streamsOf(evidence);
  const patience = record.runDeadlineMs + record.valueDeadlineMs;
  return record.arms.flatMap((_, arm) => {
    if (arm === 0) return [];
    const waiting = units.filter((unit) => unit.seq > core.seq && unit.arm === arm && unit.epoch === record.epoch);
    const silence = follow(startOf(core.silent[arm], record.epoch), waiting, ({ state, values, at }) => {
      if (state === 'void') return undefined;
      const value = values['run_failed'];
      if (value === null) return 'overdue';
      if (value !== undefined) return 'value';
      return now >= at + patience ? 'overdue' : undefined;
    });
    return isOutage(silence) ? [arm] : [];
  });
};

/**
 * Scorers that gave no score to the last three or more sampled units whose run is over, the first of them longer than the deadline ago; any
 * score ends the outage. A score that is only slow is none.
 */
export const silentScorers = (input: JudgeInput): readonly Scorer[] => {
  const { record, evidence, units, now } = input;
  const { scorers } = streamsOf(evidence);
  return record.scorers.filter((scorer) => {
    const metric = `score:${scorer.id}`;
    if (!record.rules.some((rule) => rule.metric === metric || rule.metric === `missing:${scorer.id}`)) return false;
    const stream = scorers[scorer.id];
    const sampler = samplerOf(record, metric, input.isSampled);
    const waiting = units.filter(
      (unit) =>
        unit.seq > (stream?.seq ?? 0) && unit.epoch === record.epoch && (sampler === undefined || sampler(unit)),
    );
    const silence = follow(startOf(stream, record.epoch), waiting, ({ state, values, endedAt }) => {
      const value = values[metric];
      if (state === 'void' || (value === null && values['run_failed'] === null)) return undefined;
      if (value === null) return 'overdue';
      if (value !== undefined) return 'value';
      if (state === 'open' || endedAt === undefined) return undefined;
      return now >= endedAt + record.valueDeadlineMs ? 'overdue' : 'waiting';
    });
    return isOutage(silence);
  });
};
