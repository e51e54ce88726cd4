import type { Metric, MetricScale, RolloutRule, Scorer } from './rollout-record.ts';

/** A rule as it is asked for; what is left out gets the default of its metric. */
export interface RuleRequest {
  readonly id?: string;
  readonly metric: Metric;
  readonly kind?: 'regression' | 'floor';
  readonly direction?: 'higher_is_better' | 'lower_is_better';
  readonly margin?: number;
  readonly threshold?: number;
  readonly scale?: MetricScale;
  readonly weight?: number;
  readonly action?: 'rollback' | 'pause' | 'notify';
  readonly minUnits?: number;
  /** false: no part of the promotion gate. */
  readonly promoteMargin?: number | false;
}

/** Metrics that are 0 or 1, 1 being bad. */
const flags: ReadonlySet<string> = new Set(['error', 'run_failed', 'run_partial', 'takeover']);

/** Metrics without an upper bound, less being better. */
const amounts: ReadonlySet<string> = new Set(['latency', 'costUsd', 'tokens', 'toolErrors', 'turns', 'schemaRepairs']);

/** What a metric's values are: 0 or 1 with 1 bad, a score of 0 to 1, or an amount without a bound; undefined for no metric at all. */
export const metricKind = (metric: string): 'flag' | 'score' | 'amount' | undefined => {
  if (flags.has(metric) || /^missing:./.test(metric)) return 'flag';
  if (/^score:./.test(metric)) return 'score';
  return amounts.has(metric) ? 'amount' : undefined;
};

/** The scorer that a metric needs; undefined for a built-in one. */
export const scorerOfMetric = (metric: string): string | undefined => /^(?:score|missing):(.+)$/s.exec(metric)?.[1];

const smallWeights: { readonly [metric: string]: number } = { run_failed: 0.1, run_partial: 0.05 };

/** Own margins of the promotion gate (g.7); rules of other metrics are guards only, unless they say more. */
const promoteMarginOf = (metric: string): number | undefined => {
  if (metric === 'error') return 0.02;
  return metricKind(metric) === 'score' ? 0.05 : undefined;
};

/**
 * A rule with the defaults of its metric; not checked. Margin 0.02 for scores and amounts and 0 for flags; amounts are compared by rank;
 * the action is to roll back, but to pause for a floor, a missing score and `run_partial`.
 */
export const completeRule = (request: RuleRequest): RolloutRule => {
  const { metric } = request;
  const what = metricKind(metric) ?? 'amount';
  const isMissing = metric.startsWith('missing:');
  const kind = request.kind ?? 'regression';
  const pauses = kind === 'floor' || isMissing || metric === 'run_partial';
  const promoteMargin = request.promoteMargin ?? (kind === 'regression' ? promoteMarginOf(metric) : undefined);
  return {
    id: request.id ?? metric,
    metric,
    direction: request.direction ?? (what === 'score' ? 'higher_is_better' : 'lower_is_better'),
    kind,
    margin: request.margin ?? (what === 'flag' || kind === 'floor' ? 0 : 0.02),
    ...(request.threshold === undefined ? {} : { threshold: request.threshold }),
    scale: request.scale ?? (what === 'amount' ? { kind: 'rank' } : { kind: 'unit' }),
    weight: request.weight ?? (isMissing ? 0.05 : (smallWeights[metric] ?? 1)),
    action: request.action ?? (pauses ? 'pause' : 'rollback'),
    minUnits: request.minUnits ?? 1,
    ...(promoteMargin === undefined || promoteMargin === false ? {} : { promoteMargin }),
  };
};

/** Damage that shows only later in the run counts in every rollout (g.5). */
const always: readonly Metric[] = ['run_failed', 'run_partial'];

/** The rules of a rollout that declares none: errors, each score and its absence, and how whole runs end. */
export const defaultRules = (scorers: readonly Pick<Scorer, 'id'>[]): readonly RolloutRule[] => {
  const scored = scorers.flatMap(({ id }): Metric[] => [`score:${id}`, `missing:${id}`]);
  const metrics: readonly Metric[] = ['error', ...scored, ...always];
  return metrics.map((metric) => completeRule({ metric }));
};

/** Declared rules with their defaults, and the rules of whole runs unless they are declared; none declared: `defaultRules`. */
export const completeRules = (
  requests: readonly RuleRequest[] | undefined,
  scorers: readonly Pick<Scorer, 'id'>[],
): readonly RolloutRule[] => {
  if (requests === undefined) return defaultRules(scorers);
  const rules = requests.map(completeRule);
  const added = always.filter((metric) => !rules.some((rule) => rule.id === metric));
  return [...rules, ...added.map((metric) => completeRule({ metric }))];
};
