import type { TestSummary } from '@skein/domain';
import type { Colors } from '../cli/cli.ts';
import { safeText } from '../render/format.ts';
import type { RolledOut } from './roll-out.ts';

/** What the demo showed. */
export interface DemoReport {
  readonly bad: RolledOut;
  readonly good: RolledOut;
  readonly seconds: number;
}

/** The test that stands nearest to its threshold, or beyond it. */
const strongest = ({ rollout }: RolledOut): TestSummary | undefined =>
  rollout.evidence?.tests.toSorted((a, b) => b.eMax / b.threshold - a.eMax / a.threshold)[0];

/** From the commit of the rollback to the last run that was admitted to the candidate, ms; 0 when there was none after it. */
export const rollbackMs = ({ rollout, driven }: RolledOut): number =>
  Math.max(0, (driven.lastCandidateAt ?? 0) - Date.parse(rollout.completedAt ?? rollout.updatedAt));

/** The last line of stdout with `--json`. */
export const reportAsJson = (report: DemoReport, ok: boolean): string => {
  const { bad, good, seconds } = report;
  return JSON.stringify({
    ok,
    seconds,
    bad: {
      status: bad.rollout.status,
      candidateUnits: bad.rollout.evidence?.units[1] ?? 0,
      eValue: strongest(bad)?.eMax ?? 0,
      rollbackMs: rollbackMs(bad),
      runs: bad.driven.runs,
      explanation: bad.rollout.explanation,
    },
    good: {
      status: good.rollout.status,
      steps: good.steps,
      runs: good.driven.runs,
      explanation: good.rollout.explanation,
    },
  });
};

/** For people. */
export const reportAsText = (colors: Colors, report: DemoReport): string => {
  const { bad, good, seconds } = report;
  const test = strongest(bad);
  const told = ({ rollout: { explanation } }: RolledOut): readonly string[] =>
    [explanation.decided, explanation.because, explanation.next]
      .filter((text) => text !== '')
      .map((text) => safeText(text));
  return [
    '',
    colors.bold('The hasty version'),
    ...told(bad),
    `${bad.driven.runs} runs, ${bad.driven.candidateRuns} of them met it.`,
    ...(test === undefined
      ? []
      : [`E = ${test.eMax.toPrecision(3)} against ${test.threshold.toPrecision(3)} (${test.rule}).`]),
    `Last run admitted to it ${rollbackMs(bad)} ms after the rollback was committed.`,
    '',
    colors.bold('The careful version'),
    ...told(good),
    `${good.driven.runs} runs; steps: ${good.steps.join(', ')}.`,
    ...(bad.rollout.status === 'rolled_back' ? [] : [colors.red('The hasty version was not rolled back.')]),
    ...(good.rollout.status === 'completed'
      ? []
      : [colors.red('The careful version was not promoted in the time that a demo has.')]),
    '',
    colors.dim(
      `${seconds} s in all. Steps of seconds and a margin of 40 points are for a demo; see docs/rollouts.md for those of real traffic.`,
    ),
  ].join('\n');
};
