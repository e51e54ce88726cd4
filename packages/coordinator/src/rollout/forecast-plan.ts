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

type ForecastStep = RolloutForecast['steps'][number];

/** What each arm but stable gets while nobody changes its weight. */
const forecastArms = ({ arms }: RolloutRecord, unitsPerDay: number): readonly ForecastStep[] =>
  arms.slice(1).map(({ parts, label }) => ({
    weight: formatWeight(parts),
    candidateUnitsPerDay: rounded((unitsPerDay * parts) / totalParts),
    label,
  }));

const fewWarning = (units: number, horizonDays: number): readonly string[] =>
  units >= fewUnits
    ? []
    : [
        `about ${Math.floor(units)} units of the candidate are expected over ${rounded(horizonDays)} days: fewer than ${fewUnits} show little`,
      ];

/** Steps one after the other, each with its days where it can end; and the days of all, which may be infinite. */
const forecastSteps = (
  record: RolloutRecord,
  unitsPerDay: number,
): { readonly steps: ForecastStep[]; readonly days: number } => {
  let units = 0;
  let days = 0;
  const gated = gatedStep(record);
  const steps = record.steps.map(({ parts, minUnits, minDurationMs }, index): ForecastStep => {
    const perDay = (unitsPerDay * parts) / totalParts;
    const line = { weight: formatWeight(parts), candidateUnitsPerDay: rounded(perDay) };
    const needed = Math.max(minUnits, index === gated ? gateUnits(record) - units : 0);
    const takes = Math.max(needed === 0 ? 0 : needed / perDay, minDurationMs / dayMs);
    if (perDay > 0) units += perDay * takes;
    days += takes;
    return Number.isFinite(takes) ? { ...line, days: rounded(takes) } : line;
  });
  return { steps, days };
};

/** What a plan needs at this traffic. Days are absent where nothing is known of the traffic, and where a step cannot end. */
export const forecastPlan = (record: RolloutRecord, unitsPerDay: number): RolloutForecast => {
  const horizonDays = (record.horizonAt - record.createdAt) / dayMs;
  const { steps, days } = forecastSteps(record, unitsPerDay);
  const lines = steps.length === 0 ? forecastArms(record, unitsPerDay) : steps;
  if (unitsPerDay <= 0) {
    const warnings = ['no run of the last 7 days used this agent: nothing is known of its traffic'];
    return { unitsPerDay: 0, steps: lines.map(({ days: _days, ...line }) => line), warnings };
  }
  // A plan that goes on to its end gives its last weight at last; without one the smallest arm is the one that shows least.
  const share = record.steps.at(-1)?.parts ?? Math.min(...record.arms.slice(1).map(({ parts }) => parts));
  const warnings = fewWarning((unitsPerDay * horizonDays * share) / totalParts, horizonDays);
  const base = { unitsPerDay: rounded(unitsPerDay), steps: lines, warnings };
  if (steps.length === 0) return base;
  if (days <= horizonDays) return { ...base, days: rounded(days) };
  const endless = steps.findIndex((step) => step.days === undefined);
  const slowest =
    endless === -1
      ? steps.reduce((most, step, at) => ((step.days ?? 0) > (steps[most]?.days ?? 0) ? at : most), 0)
      : endless;
  const share100 = formatPercent(record.steps[slowest]?.parts ?? 0);
  const why =
    endless === -1
      ? `at ${rounded(unitsPerDay)} units a day the plan takes about ${Math.ceil(days)} days and the rollout ends after ${rounded(horizonDays)}; the step at ${share100} alone takes ${Math.ceil(steps[slowest]?.days ?? 0)}`
      : `the step at ${share100} gets no units, and so never ends`;
  return {
    ...base,
    ...(Number.isFinite(days) ? { days: rounded(days) } : {}),
    impossible: `${why}: begin with a larger weight, ask for fewer units, or give it more time`,
  };
};
