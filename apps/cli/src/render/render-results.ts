import type { MetricResult, ReplayInfo, RolloutEventInfo, RolloutInfo, RolloutResults } from '@skein/sdk';
import type { Colors } from '../cli/cli.ts';
import { percentText } from '../rollout/parse-weight.ts';
import { formatInstant } from './format.ts';
import { alphaText, explanationLines, figure, paintRolloutStatus, ratioText } from './render-rollout.ts';
import { cell, renderTable } from './render-table.ts';

/** Values of each of two arms below which a band says nothing. */
const minBandValues = 5;

/** The difference to stable with its band, which holds at every look; `results` has the values of stable. */
export const bandText = ({ metric, count, difference }: MetricResult, results: RolloutResults): string => {
  if (difference === undefined) return '';
  const stable = results.allocations[0]?.metrics.find((one) => one.metric === metric)?.count ?? 0;
  const isKnown = Math.min(count, stable) >= minBandValues;
  const band = isKnown ? `[${figure(difference.lower)}, ${figure(difference.upper)}]` : '–';
  return `${figure(difference.mean)} ${band}`;
};

/** What was measured, arm by arm. */
export const renderResults = (colors: Colors, results: RolloutResults): string => {
  const { srm, tallies } = results;
  const paintRatio = srm.alarm ? colors.red : (text: string): string => text;
  const counted = Object.entries(tallies).map(([kind, count]) => `${kind} ${count}`);
  return [
    `${results.rolloutId} of ${cell(results.agentId)} ${paintRolloutStatus(colors, results.status)}`,
    '',
    renderTable(
      colors,
      ['arm', 'metric', 'n', 'missing', 'mean', 'sd', 'p50', 'p90', 'difference [band]', 'e-value'],
      results.allocations.flatMap(({ label, metrics }) =>
        metrics.map((metric) => [
          cell(label),
          cell(metric.metric),
          String(metric.count),
          metric.missing === 0 ? '' : String(metric.missing),
          ...[metric.mean, metric.sd, metric.quantiles.p50, metric.quantiles.p90].map((value) =>
            metric.count === 0 ? '' : figure(value),
          ),
          bandText(metric, results),
          metric.eValue === undefined ? '' : figure(metric.eValue),
        ]),
      ),
      'nothing measured yet',
    ),
    '',
    renderTable(
      colors,
      ['arm', 'units', 'runs'],
      results.allocations.map(({ label, units, requestCount }) => [cell(label), String(units), String(requestCount)]),
    ),
    ...shadowLines(colors, results),
    '',
    `${colors.dim('SRM'.padEnd(9))} ${paintRatio(ratioText(srm))}, chi-square ${figure(srm.chiSquare)}, p ${figure(srm.pValue)}`,
    `${colors.dim('alpha'.padEnd(9))} ${alphaText(results)}, ${results.epochs} ${results.epochs === 1 ? 'epoch' : 'epochs'}`,
    `${colors.dim('counted'.padEnd(9))} ${[...counted, `unrouted ${results.unrouted}`, `missing ${results.missing}`].filter((text, at, all) => all.indexOf(text) === at).join(', ')}`,
    '',
    ...explanationLines(results.explanation),
  ].join('\n');
};

/** Shadows of live steps, which are no part of the evidence. */
const shadowLines = (colors: Colors, { shadow }: RolloutResults): readonly string[] => {
  if (shadow === undefined) return [];
  const { shadows, failed, skipped, divergedCalls, metrics } = shadow;
  return [
    '',
    `${colors.dim('shadows'.padEnd(9))} ${shadows}, failed ${failed}, left out ${skipped}, calls that were not recorded ${divergedCalls}`,
    renderTable(
      colors,
      ['metric', 'n', 'live', 'shadow', 'mean difference', 'sd'],
      metrics.map((row) => [
        cell(row.metric),
        String(row.count),
        figure(row.live),
        figure(row.shadow),
        figure(row.meanDifference),
        figure(row.sd),
      ]),
      'nothing compared yet',
    ),
  ];
};

/** Rollouts as a table. */
export const renderRollouts = (colors: Colors, rollouts: readonly RolloutInfo[]): string =>
  renderTable(
    colors,
    ['rollout', 'agent', 'type', 'status', 'weight', 'units', 'begun (UTC)', 'ended (UTC)', 'why'],
    rollouts.map((rollout) => [
      rollout.id,
      cell(rollout.agentId),
      rollout.type,
      paintRolloutStatus(colors, rollout.status),
      rollout.weight === undefined ? '' : percentText(rollout.weight),
      rollout.arms.map(({ units }) => units).join('/'),
      formatInstant(rollout.startedAt),
      formatInstant(rollout.completedAt ?? undefined),
      cell(rollout.explanation.decided),
    ]),
    'no rollouts',
  );

/** One thing that happened to a rollout, as cells. */
export const eventCells = (event: RolloutEventInfo): readonly string[] => [
  String(event.seq),
  formatInstant(event.at),
  cell(event.agentId),
  event.type,
  `r${event.revision}`,
  cell(event.by.actor),
  explanationLines(event.explanation).join(' '),
];

/** Failed pairs that are named at most. */
const maxFailed = 5;

/** Which recorded steps could not be tried again, and why. */
const failedLines = (colors: Colors, { pairs }: ReplayInfo): readonly string[] => {
  const failed = pairs.filter(({ state }) => state === 'failed');
  return [
    ...failed
      .slice(0, maxFailed)
      .map(({ runId, step, reason }) =>
        colors.dim(`- ${runId} ${cell(step)}: ${reason === undefined ? 'failed' : cell(reason)}`),
      ),
    ...(failed.length > maxFailed ? [colors.dim(`- and ${failed.length - maxFailed} more`)] : []),
  ];
};

/** A replay with its comparison. */
export const renderReplay = (colors: Colors, replay: ReplayInfo): string => {
  const count = (state: string): number => replay.pairs.filter((pair) => pair.state === state).length;
  const done = replay.pairs.length - count('waiting') - count('running');
  const diverged = replay.pairs.reduce((sum, { divergedCalls = 0 }) => sum + divergedCalls, 0);
  const paint = replay.status === 'passed' ? colors.green : replay.status === 'failed' ? colors.red : colors.cyan;
  return [
    `${replay.id} of ${cell(replay.agentId)} ${paint(replay.status)}: ${done} of ${replay.pairs.length} pairs, ${count('failed')} failed${diverged === 0 ? '' : `, ${diverged} calls that were not recorded`}`,
    renderTable(
      colors,
      ['metric', 'pairs', 'mean difference', 'e worse', 'e not worse', 'decides'],
      replay.comparison.map((row) => [
        cell(row.metric),
        String(row.pairs),
        figure(row.meanDifference),
        figure(row.eWorse),
        figure(row.eNotWorse),
        row.decides === undefined ? '' : row.decides ? 'yes' : 'no',
      ]),
      'nothing compared yet',
    ),
    ...failedLines(colors, replay),
    ...explanationLines(replay.explanation),
  ].join('\n');
};
