import type { RolloutRecord } from '@skein/domain';
import { formatPercent, formatWeight, totalParts } from '@skein/domain';
import type { RolloutForecast } from './rollout-views.ts';

const dayMs = 86_400_000;

/** Fewer candidate units than these over the whole horizon show little. */
const fewUnits = 20;

/** The largest bet of the tests, and their number (g.6). */
const topLambda = 0.75;
const lambdas = 16;

/**
 * Candidate units after which equally good versions pass the promotion gate: the top bet alone must win 1/alpha_p times the number of bets, at
 * g = delta_p / (1 + delta_p) for each block (g.6, g.7).
 */
const gateUnits = ({ rules, promoteAlpha }: RolloutRecord): number => {
  const margins = rules.flatMap(({ promoteMargin }) => (promoteMargin === undefined ? [] : [promoteMargin]));
  if (margins.length === 0) return 0;
  const margin = Math.min(...margins);
  return Math.ceil(Math.log(lambdas / promoteAlpha) / Math.log1p((topLambda * margin) / (1 + margin)));
};

/** The step that only the promotion gate ends: the last whose weight is below 1, or the last. */
const gatedStep = ({ steps }: RolloutRecord): number => {
  const below = steps.findLastIndex(({ parts }) => parts < totalParts);
  return below === -1 ? steps.length - 1 : below;
};

const rounded = (days: number): number => Math.round(days * 1_000) / 1_000;

/** What a plan needs at this traffic. Days are absent where nothing is known of the traffic. */
export const forecastPlan = (record: RolloutRecord, unitsPerDay: number): RolloutForecast => {
  const warnings: string[] = [];
  const horizonDays = (record.horizonAt - record.createdAt) / dayMs;
  const known = unitsPerDay > 0;
  if (!known) warnings.push('no run of the last 7 days used this agent: nothing is known of its traffic');
  let units = 0;
  let days = 0;
  const gated = gatedStep(record);
  const shares = record.steps.map(({ parts }) => parts);
  const others = record.arms.slice(1).map(({ parts }) => parts);
  const shown = shares.length > 0 ? shares : [Math.min(...others)];
  const steps = shown.map((parts, index): RolloutForecast['steps'][number] => {
    const perDay = (unitsPerDay * parts) / totalParts;
    const line = { weight: formatWeight(parts), candidateUnitsPerDay: rounded(perDay) };
    const step = record.steps[index];
    if (step === undefined) {
      units = perDay * horizonDays;
      return line;
    }
    const needed = Math.max(step.minUnits, index === gated ? gateUnits(record) - units : 0);
    const takes = Math.max(needed === 0 ? 0 : needed / perDay, step.minDurationMs / dayMs);
    units += perDay * takes;
    days += takes;
    return known && Number.isFinite(takes) ? { ...line, days: rounded(takes) } : line;
  });
  if (!known) return { unitsPerDay: 0, steps, warnings };
  // With a plan that goes on to the end, the units of the whole horizon are at least those of its first weight.
  const expected = record.steps.length === 0 ? units : (unitsPerDay * horizonDays * (shown.at(-1) ?? 0)) / totalParts;
  if (expected < fewUnits)
    warnings.push(
      `about ${Math.floor(expected)} units of the candidate are expected over ${rounded(horizonDays)} days: fewer than ${fewUnits} show little`,
    );
  const base = { unitsPerDay: rounded(unitsPerDay), steps, warnings };
  if (record.steps.length === 0) return base;
  if (days <= horizonDays) return { ...base, days: rounded(days) };
  const slowest = steps.reduce((most, step) => ((step.days ?? 0) > (most.days ?? 0) ? step : most));
  const slowestParts = shown[steps.indexOf(slowest)] ?? 0;
  const impossible = `at ${rounded(unitsPerDay)} units a day the plan takes about ${Math.ceil(days)} days and the rollout ends after ${rounded(horizonDays)}; the step at ${formatPercent(slowestParts)} alone takes ${Math.ceil(slowest.days ?? 0)}: begin with a larger weight, ask for fewer units, or give it more time`;
  return { ...base, ...(Number.isFinite(days) ? { days: rounded(days) } : {}), impossible };
};
