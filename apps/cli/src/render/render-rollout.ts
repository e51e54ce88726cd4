import type { Explanation, TestSummary } from '@skein/domain';
import type { FreezeInfo, RolloutForecast, RolloutInfo } from '@skein/sdk';
import type { Colors } from '../cli/cli.ts';
import { percentText } from '../rollout/parse-weight.ts';
import { formatDuration, formatInstant, shortDigest } from './format.ts';
import { cell, renderTable } from './render-table.ts';

/** A status of a rollout in its colour. */
export const paintRolloutStatus = (colors: Colors, status: string): string => {
  switch (status) {
    case 'completed':
      return colors.green(status);
    case 'rolled_back':
      return colors.red(status);
    case 'active':
      return colors.cyan(status);
    case 'paused':
    case 'cancelled':
      return colors.yellow(status);
    default:
      return colors.dim(status);
  }
};

/** Why it is as it is, in the words that every surface has. */
export const explanationLines = (explanation: Explanation): readonly string[] =>
  [explanation.decided, explanation.because, explanation.next].map(cell).filter((line) => line !== '');

const barWidth = 20;

/** A share of a whole as a bar; what is more than nothing can be seen. */
export const bar = (share: number, width = barWidth): string => {
  const full = Math.max(0, Math.min(width, Math.round(share * width)));
  return (full === 0 && share > 0 ? '▏' : '█'.repeat(full)).padEnd(width, '·');
};

/** How far evidence has come on its way to a threshold, both as they multiply: 1 is there. */
const wayTo = (eValue: number, threshold: number): number =>
  eValue <= 1 || threshold <= 1 ? 0 : Math.min(1, Math.log(eValue) / Math.log(threshold));

/** A number as people compare it: four digits that matter. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return '';
  const size = Math.abs(value);
  return size >= 1e6 || (size > 0 && size < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
};

/** The arms with their weights as bars. */
export const renderArms = (colors: Colors, { arms, winner }: RolloutInfo): string =>
  renderTable(
    colors,
    ['arm', 'version', 'weight', '', 'units', 'scores'],
    arms.map((arm) => [
      `${cell(arm.label)}${winner === arm.label ? ` ${colors.green('won')}` : ''}`,
      `${cell(arm.alias)} ${colors.dim(shortDigest(arm.versionId))}`,
      colors.cyan(bar(Number(arm.weight))),
      percentText(arm.weight),
      String(arm.units),
      Object.entries(arm.scores)
        .filter(([, { count }]) => count > 0)
        .map(([scorer, { avg, count }]) => `${cell(scorer)} ${figure(avg)} (${count})`)
        .join(', '),
    ]),
  );

/** The scale of the tests: the metrics themselves are in the results. */
const goodnessText = 'goodness: from 0 to 1, and 1 is best, so error 1 is no error at all; values in brackets';

/** The tests of the evidence: goodness, the most that the arm may be worse, and the e-value on its way to the threshold. */
export const renderTests = (colors: Colors, { evidence, arms }: RolloutInfo): string => {
  const tests = evidence?.tests ?? [];
  const table = renderTable(
    colors,
    ['rule', 'arm', 'goodness', 'of stable', 'worse by at most', 'e-value', '', 'of', 'promotion', 'missing'],
    tests.map((test) => [
      cell(test.rule),
      cell(arms[test.arm]?.label ?? String(test.arm)),
      meanText(test.candidateMean, test.candidateValues),
      meanText(test.stableMean, test.stableValues),
      test.harmUpper >= 1 ? '' : figure(test.harmUpper),
      (test.breached ? colors.red : (text: string) => text)(figure(test.eValue)),
      (test.breached ? colors.red : colors.yellow)(bar(wayTo(test.eMax, test.threshold), 10)),
      figure(test.threshold),
      promotionText(colors, test),
      test.missing === 0 ? '' : String(test.missing),
    ]),
    'no evidence yet',
  );
  return tests.length === 0 ? table : `${table}\n${colors.dim(goodnessText)}`;
};

const meanText = (mean: number, values: number): string => (values === 0 ? '' : `${figure(mean)} (${values})`);

const promotionText = (colors: Colors, { promotion }: TestSummary): string => {
  if (promotion === undefined) return '';
  const text = `${figure(promotion.eValue)} of ${figure(promotion.threshold)}`;
  return promotion.passed ? colors.green(text) : text;
};

/** Where the plan stands, and when the step may end. */
export const stepText = (rollout: RolloutInfo, now: number): string | undefined => {
  const step = rollout.steps[rollout.stepIndex];
  if (step === undefined || rollout.completedAt !== null) return undefined;
  const since = now - Date.parse(rollout.stepStartedAt);
  const left = step.minDurationMs - since;
  const parts = [
    `${rollout.stepIndex + 1} of ${rollout.steps.length}: ${percentText(step.weight)}`,
    ...(rollout.status === 'active' ? [`for ${formatDuration(since)}`] : []),
    ...(rollout.status === 'active' && left > 0 ? [`at least ${formatDuration(left)} more`] : []),
    `${step.minUnits} units`,
    ...(step.gate === 'approval'
      ? [rollout.stepApproved === undefined ? 'needs approval' : `approved by ${cell(rollout.stepApproved.by)}`]
      : []),
  ];
  return parts.join(', ');
};

/** Whether units were shared out as the weights say. */
export const srmText = (colors: Colors, { evidence }: RolloutInfo): string | undefined => {
  if (evidence === undefined) return undefined;
  const { alarm } = evidence.srm;
  return alarm ? colors.red(ratioText(evidence.srm)) : ratioText(evidence.srm);
};

/** The sample ratio test with what it says. */
export const ratioText = ({
  lnB,
  threshold,
  alarm,
}: {
  readonly lnB: number;
  readonly threshold: number;
  readonly alarm: boolean;
}): string =>
  alarm
    ? `alarm: units are not shared out as the weights say (ln B ${figure(lnB)}, over ${figure(threshold)})`
    : `ok: units are shared out as the weights say (ln B ${figure(lnB)}, an alarm from ${figure(threshold)} on)`;

/** What alpha promises, and what changes of rules made of it. */
export const alphaText = ({ alpha, alphaSpent }: { readonly alpha: number; readonly alphaSpent: number }): string => {
  const spent = alphaSpent > alpha ? `, ${figure(alphaSpent)} with the rules that were changed` : '';
  return `${figure(alpha)}: the chance of a false rollback is at most this${spent}`;
};

/** Pins that are named at most. */
const maxPins = 5;

/** Units that get an arm whatever the weights say. */
const pinsText = ({ forced, arms }: RolloutInfo): string | undefined => {
  if (forced.length === 0) return undefined;
  const named = forced
    .slice(0, maxPins)
    .map(
      ({ unit, arm, until }) =>
        `${cell(unit).slice(0, maxPinLength)} gets ${cell(arms[arm]?.label ?? String(arm))}${until === undefined ? '' : ` until ${formatInstant(new Date(until).toISOString())}`}`,
    );
  return [...named, ...(forced.length > maxPins ? [`and ${forced.length - maxPins} more`] : [])].join(', ');
};

/** Characters of a unit that are shown. */
const maxPinLength = 64;

/** The agent's memory meanwhile; shared is as without a rollout. */
const memoryText = ({ memory, status }: RolloutInfo): string | undefined => {
  if (memory.mode === 'shared' || (status !== 'active' && status !== 'paused')) return undefined;
  return memory.mode === 'frozen'
    ? `frozen at revision ${memory.revision}: runs read that, and what they learn waits for the end`
    : `${cell(memory.mode)} from revision ${memory.revision}: each arm has its own`;
};

/** A rollout for people: a screen of it. */
export const renderRollout = (colors: Colors, rollout: RolloutInfo, now: number, freeze?: FreezeInfo): string => {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['rollout', `${rollout.id} of ${cell(rollout.agentId)}, revision ${rollout.revision}`],
    ['status', `${paintRolloutStatus(colors, rollout.status)} (${cell(rollout.statusReason)})`],
    [
      'frozen',
      freeze === undefined
        ? undefined
        : `by ${cell(freeze.by)} at ${formatInstant(freeze.at)}: ${cell(freeze.reason)}; every run gets the active version`,
    ],
    ['step', stepText(rollout, now)],
    ['SRM', srmText(colors, rollout)],
    [
      'unrouted',
      rollout.evidence === undefined || rollout.evidence.unrouted === 0 ? undefined : String(rollout.evidence.unrouted),
    ],
    ['keys', rollout.routingKeys.map(cell).join(', ')],
    ['eligible', rollout.eligibility === undefined ? undefined : cell(rollout.eligibility)],
    ['pins', pinsText(rollout)],
    ['memory', memoryText(rollout)],
    ['replay', rollout.replay === undefined ? undefined : `${rollout.replay.status} (${rollout.replay.replayId})`],
    ['started', formatInstant(rollout.startedAt)],
    ['ended', rollout.completedAt === null ? undefined : formatInstant(rollout.completedAt)],
    ['alpha', alphaText(rollout)],
  ];
  return [
    ...facts.flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [`${colors.dim(name.padEnd(9))} ${value}`],
    ),
    '',
    renderArms(colors, rollout),
    '',
    renderTests(colors, rollout),
    '',
    ...explanationLines(rollout.explanation),
    // The last sentence may have said it.
    ...rollout.waitingFor
      .filter(({ message }) => !rollout.explanation.next.includes(message))
      .map(({ message, until }) =>
        colors.dim(`- ${cell(message)}${until === undefined ? '' : ` (${formatInstant(until)})`}`),
      ),
  ].join('\n');
};

/** Units of an arm, unless nothing is known of the traffic. */
const unitsText = (units: number, { unitsPerDay }: RolloutForecast): string =>
  unitsPerDay > 0 ? figure(units) : 'unknown';

const forecastOfArms = (colors: Colors, forecast: RolloutForecast): readonly string[] => [
  renderTable(
    colors,
    ['arm', 'weight', 'its units per day'],
    forecast.steps.map((step) => [
      cell(step.label ?? ''),
      percentText(step.weight),
      unitsText(step.candidateUnitsPerDay, forecast),
    ]),
  ),
  'no plan: weights stay until somebody changes them',
];

const forecastOfSteps = (colors: Colors, forecast: RolloutForecast): string =>
  renderTable(
    colors,
    ['step', 'weight', 'candidate units per day', 'days'],
    forecast.steps.map((step, index) => [
      String(index + 1),
      percentText(step.weight),
      unitsText(step.candidateUnitsPerDay, forecast),
      // Without days a step never ends, unless nothing is known of the traffic.
      step.days === undefined ? (forecast.unitsPerDay > 0 ? 'never' : 'unknown') : figure(step.days),
    ]),
    'no plan: weights stay until somebody changes them',
  );

/** What recent traffic says of a plan. */
export const renderForecast = (colors: Colors, forecast: RolloutForecast): readonly string[] => [
  // Zero: nothing is known, as a warning says.
  ...(forecast.unitsPerDay > 0 ? [`${figure(forecast.unitsPerDay)} units per day use the agent`] : []),
  ...(forecast.steps.some(({ label }) => label !== undefined)
    ? forecastOfArms(colors, forecast)
    : [forecastOfSteps(colors, forecast)]),
  ...(forecast.days === undefined ? [] : [`${figure(forecast.days)} days in all`]),
  ...forecast.warnings.map((warning) => `${colors.yellow('warning')} ${cell(warning)}`),
  ...(forecast.impossible === undefined ? [] : [`${colors.red('impossible')} ${cell(forecast.impossible)}`]),
];
