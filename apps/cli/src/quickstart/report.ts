import type { RunView, StepView, WorkerView } from '@skein/domain';
import type { Colors } from '../cli/cli.ts';
import { formatBytes, formatDuration, safeText, shortDigest } from '../render/format.ts';
import { renderSteps } from '../render/render-run.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** What the quickstart found out. */
export interface QuickstartReport {
  readonly run: RunView;
  /** Steps with the items of fan-outs after theirs. */
  readonly steps: readonly StepView[];
  readonly workers: readonly WorkerView[];
  /** Alias of each version that the run used. */
  readonly aliases: { readonly [agentId: string]: string };
  /** The release notes; empty when the run failed before them. */
  readonly output: string;
  readonly seconds: number;
}

/** The last line of stdout with `--json`. */
export const reportAsJson = ({ run, workers, output, seconds }: QuickstartReport): string =>
  JSON.stringify({
    ok: run.status === 'succeeded',
    seconds,
    run,
    workers: workers.map(({ workerId, tasks, snapshotsReceived, snapshotBytesReceived, snapshotBytesSaved }) => ({
      workerId,
      tasks,
      snapshotsReceived,
      snapshotBytesReceived,
      snapshotBytesSaved,
    })),
    output,
  });

/** For people: notes, steps, versions, snapshot, and who did the work. */
export const reportAsText = (colors: Colors, report: QuickstartReport): string => {
  const { run, steps, workers, output } = report;
  const title = (text: string): string => `\n${colors.bold(text)}`;
  const sum = (of: (worker: WorkerView) => number): number => workers.reduce((total, worker) => total + of(worker), 0);
  const notes = output === '' ? [] : [title('Release notes'), safeText(output).trimEnd()];
  const agents = Object.entries(run.agents).map(([agentId, { versionId, source }]) => [
    cell(agentId),
    report.aliases[agentId] ?? '',
    shortDigest(versionId),
    source,
  ]);
  const fleet = workers.map((worker) => [
    worker.workerId,
    String(worker.tasks),
    formatBytes(worker.snapshotBytesReceived),
    formatBytes(worker.snapshotBytesSaved),
  ]);
  return [
    ...notes,
    title('Steps'),
    renderSteps(colors, steps, Date.now()),
    title('Agents'),
    renderTable(colors, ['agent', 'version', 'digest', 'chosen by'], agents, 'none'),
    title('Workers'),
    renderTable(colors, ['worker', 'tasks', 'snapshot bytes', 'saved by cache'], fleet, 'none'),
    title('Snapshot'),
    `${run.snapshotDigest ?? 'none'}`,
    `${formatBytes(sum((worker) => worker.snapshotBytesReceived))} sent to workers, ${formatBytes(
      sum((worker) => worker.snapshotBytesSaved),
    )} saved by their caches`,
    title('Model'),
    modelText(steps),
    '',
    `${run.status === 'succeeded' ? colors.green('succeeded') : colors.red(run.status)} ${run.runId} in ${formatDuration(report.seconds * 1_000)}`,
  ].join('\n');
};

/** Which model did the work, plainly. */
export const modelText = (steps: readonly StepView[]): string => {
  const models = new Set(steps.flatMap((step) => (step.usage?.model === undefined ? [] : [step.usage.model])));
  if (models.size === 0) return 'no agent step got to work';
  const names = [...models].toSorted().map(safeText).join(', ');
  if (![...models].some((name) => name.startsWith('offline'))) return names;
  return `${names}: rules, no language model, because no API key is set. Set OPENAI_API_KEY or ANTHROPIC_API_KEY for a real one.`;
};
