import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDomainError, type StepView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import type { Cli } from '../cli/cli.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { followRun } from '../follow/follow-run.ts';
import { showProgress } from '../follow/show-progress.ts';
import { safeText } from '../render/format.ts';
import { type QuickstartOptions, readOptions } from './options.ts';
import { type QuickstartReport, reportAsJson, reportAsText } from './report.ts';
import { type StartedUp, startUp } from './start-up.ts';

const clone = fileURLToPath(new URL('../../../../', import.meta.url));
const workers = 2;
const dag = 'release-notes';

/** Everything once, for real: starts Skein, runs the release notes example, reports, and stops it again. Sets the exit code. */
export const runQuickstart = async (cli: Cli, args: readonly string[], beganAt: number): Promise<void> => {
  const options = readOptions(args, cli.cwd, clone);
  const say = (text: string) => (options.json ? cli.note(text) : cli.out(text));
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-quickstart-'));
  let up: StartedUp | undefined;
  let kept = false;
  try {
    say(cli.colors.dim(`starting a coordinator, a scheduler and ${workers} workers`));
    up = await startUp({
      dataDir,
      project: join(clone, 'examples', dag),
      workers,
      env: cli.config.env,
      keep: options.keep,
      signal: cli.signal,
    });
    say(cli.colors.dim(`release notes of the last ${options.last} commits of ${options.repo}`));
    const report = await runOnce(cli, up.client, options, beganAt);
    kept = options.keep;
    if (!options.json) cli.out(reportAsText(cli.colors, report));
    if (kept) say(keepText(up, dataDir));
    if (report.run.status !== 'succeeded') {
      cli.exitCode = exitCodes.failed;
      for (const line of await failures(up.client, report)) say(line);
    }
    if (options.json) {
      // Nothing may follow this line.
      if (!kept) await up.stop();
      cli.out(reportAsJson(report));
    }
  } finally {
    if (kept) up?.leave();
    else {
      await up?.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  }
};

const runOnce = async (
  cli: Cli,
  client: SkeinClient,
  options: QuickstartOptions,
  beganAt: number,
): Promise<QuickstartReport> => {
  const { run: started } = await client.runs.submit({ dag, params: { repo: options.repo, last: options.last } });
  await showProgress(cli, followRun(client.runs, started.runId, { signal: cli.signal }), options.json);
  if (cli.signal.aborted) await client.runs.cancel(started.runId, 'the quickstart was given up').catch(() => undefined);
  const run = await client.runs.get(started.runId);
  const steps: StepView[] = [];
  for (const step of run.steps) {
    steps.push(step);
    if (step.items !== undefined) steps.push(...(await client.runs.items(run.runId, step.id, { limit: 1_000 })).items);
  }
  return {
    run,
    steps,
    workers: await client.workers.list(),
    aliases: await aliasesOf(client, run.agents),
    output: await readNotes(client, run.runId),
    seconds: Math.round((Date.now() - beganAt) / 100) / 10,
  };
};

const aliasesOf = async (
  client: SkeinClient,
  agents: { readonly [agentId: string]: { readonly versionId: string } },
): Promise<{ readonly [agentId: string]: string }> => {
  const aliases: { [agentId: string]: string } = {};
  for (const [agentId, { versionId }] of Object.entries(agents)) {
    const versions = await client.agents.versions(agentId);
    aliases[agentId] = versions.find((version) => version.versionId === versionId)?.alias ?? '';
  }
  return aliases;
};

/** The notes, or nothing when the step did not get to write them. */
const readNotes = async (client: SkeinClient, runId: string): Promise<string> => {
  try {
    const notes = await client.runs.output(runId, 'write', 'notes');
    return typeof notes === 'string' ? notes : JSON.stringify(notes, null, 2);
  } catch (error) {
    if (isDomainError(error) && error.code !== 'unavailable') return '';
    throw error;
  }
};

/** What failed, with the end of each failed step's log, which says why. */
const failures = async (client: SkeinClient, { steps, run }: QuickstartReport): Promise<readonly string[]> => {
  const lines = run.error === undefined ? [] : [run.error.message];
  for (const step of steps) {
    if (step.error === undefined || step.items !== undefined) continue;
    const log = await client.runs.log(run.runId, step.id).catch(() => undefined);
    lines.push(
      `${step.id}: ${step.error.message}`,
      ...safeText(log?.text ?? '')
        .trim()
        .split('\n')
        .slice(-10),
    );
  }
  return lines;
};

const keepText = (up: StartedUp, dataDir: string): string =>
  [
    '',
    `It goes on running at ${up.endpoint.http}. Look at it:`,
    `  npx skein --help`,
    `  npx skein runs --data ${dataDir}`,
    `  npx skein workers --data ${dataDir}`,
    `Its log is ${up.logFile}. Stop it:`,
    `  kill ${up.pid}`,
    `Then remove ${dataDir}.`,
  ].join('\n');
