import type { FreezeInfo, RolloutInfo, RolloutResults, SkeinClient } from '@skein/sdk';
import type { Cli } from '../cli/cli.ts';
import { formatInstant } from '../render/format.ts';
import { bandText } from '../render/render-results.ts';
import { explanationLines, figure, paintRolloutStatus, renderRollout } from '../render/render-rollout.ts';
import { cell, renderTable } from '../render/render-table.ts';
import { percentText } from './parse-weight.ts';
import { createScreen } from './screen.ts';

/** Shows a rollout as it goes on, live on a terminal and line by line otherwise; gives back the last look at it. */
export const showRollout = (
  cli: Cli,
  client: SkeinClient,
  views: AsyncIterable<RolloutInfo>,
): Promise<RolloutInfo | undefined> => (cli.live ? showLive(cli, client, views) : showLines(cli, views));

const showLines = async (cli: Cli, views: AsyncIterable<RolloutInfo>): Promise<RolloutInfo | undefined> => {
  let last: RolloutInfo | undefined;
  for await (const view of views) {
    for (const line of rolloutChanges(cli, last, view)) cli.out(line);
    last = view;
  }
  return last;
};

/** What is new in a rollout, one line each: how it stands, what was decided, and what it waits for. */
export const rolloutChanges = (
  cli: Pick<Cli, 'colors'>,
  before: RolloutInfo | undefined,
  after: RolloutInfo,
): readonly string[] => {
  const lines: string[] = [];
  if (before === undefined || stateOf(before) !== stateOf(after)) {
    const status = paintRolloutStatus(cli.colors, after.status);
    lines.push(`${formatInstant(instantOf(after))}  ${status}  ${stateOf(after)}`);
  }
  if (before === undefined || turnOf(before) !== turnOf(after)) {
    lines.push(...explanationLines(after.explanation).map((line) => `  ${line}`));
  }
  const waited = new Set(before?.waitingFor.map(({ message }) => message));
  for (const { message } of after.waitingFor) if (!waited.has(message)) lines.push(`  - ${cell(message)}`);
  return lines;
};

/** Weights, units and the strongest evidence, without anything that moves with time. */
const stateOf = ({ arms, evidence, status, steps, stepIndex, revision }: RolloutInfo): string => {
  const strongest = [...(evidence?.tests ?? [])].sort((a, b) => b.eValue / b.threshold - a.eValue / a.threshold)[0];
  return [
    `revision ${revision}`,
    ...(steps.length === 0 || status === 'draft' ? [] : [`step ${stepIndex + 1}/${steps.length}`]),
    ...arms.map(({ label, weight, units }) => `${cell(label)} ${percentText(weight)} (${units} units)`),
    ...(strongest === undefined
      ? []
      : [`${cell(strongest.rule)} E ${figure(strongest.eValue)} of ${figure(strongest.threshold)}`]),
    ...(evidence?.srm.alarm === true ? ['SRM alarm'] : []),
  ].join('  ');
};

/** What makes the sentences worth telling again: the numbers in them stand in the line above. */
const turnOf = ({ status, explanation }: RolloutInfo): string => [status, explanation.decided].join('\n');

/** When it came to be as it is shown: the evidence goes on between two writes. */
const instantOf = ({ updatedAt, evidence, completedAt }: RolloutInfo): string => {
  const at = Math.max(Date.parse(updatedAt), completedAt === null ? (evidence?.at ?? 0) : 0);
  return new Date(at).toISOString();
};

/** Redraws once in a while, so that times go on while nothing happens. */
const redrawMs = 1_000;

const showLive = async (
  cli: Cli,
  client: SkeinClient,
  views: AsyncIterable<RolloutInfo>,
): Promise<RolloutInfo | undefined> => {
  const screen = createScreen(cli);
  let last: RolloutInfo | undefined;
  let results: RolloutResults | undefined;
  let freeze: FreezeInfo | undefined;
  let asking = false;
  const draw = (): void => {
    if (last !== undefined)
      screen.draw([renderRollout(cli.colors, last, Date.now(), freeze), ...bandLines(cli, results)].join('\n'));
  };
  // Bands cost a look at all values, so they are asked for once in a while, and nothing waits for them.
  const ask = async (): Promise<void> => {
    if (asking || last === undefined) return;
    asking = true;
    const { agentId, id } = last;
    [results, freeze] = await Promise.all([
      client.rollouts.results(agentId, { rolloutId: id }).catch(() => results),
      client.freezes.get(agentId).catch(() => freeze),
    ]);
    asking = false;
  };
  const timer = setInterval(() => {
    void ask();
    draw();
  }, redrawMs);
  try {
    for await (const view of views) {
      last = view;
      draw();
    }
    await ask();
    draw();
  } finally {
    clearInterval(timer);
    screen.close();
  }
  return last;
};

/** Differences to stable with their bands. */
const bandLines = (cli: Cli, results: RolloutResults | undefined): readonly string[] => {
  if (results === undefined) return [];
  const rows = results.allocations.flatMap(({ label, metrics }) =>
    metrics.flatMap((metric) =>
      metric.difference === undefined
        ? []
        : [[cell(label), cell(metric.metric), figure(metric.mean), bandText(metric, results)]],
    ),
  );
  return rows.length === 0 ? [] : ['', renderTable(cli.colors, ['arm', 'metric', 'mean', 'difference [band]'], rows)];
};
