import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminalRun, type RunView, type StepView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import { Option } from 'commander';
import { answerLine, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, stepText, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { withStepSuggestion } from '../cli/with-suggestion.ts';
import { allSteps } from '../follow/step-changes.ts';
import { safeLog } from '../render/format.ts';
import { cell } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly follow?: boolean;
  readonly attempt?: number;
  readonly raw?: boolean;
}

/** `skein logs RUN [STEP]`: one step's log, or all of them one after the other. */
export const addLogsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('logs', "print a step's log, or those of all steps")
      .argument('<run>', runText)
      .argument('[step]', stepText)
      .option('-f, --follow', 'go on until the attempt has ended')
      .addOption(new Option('--attempt <n>', 'this attempt').argParser(wholeNumber(1, 1_000_000)))
      .option('--raw', 'on a terminal too: control characters as they are')
      .action(async (text: string, step: string | undefined, options: Options) => {
        const client = await connect(cli, options);
        const runId = await resolveRun(client, text);
        try {
          if (step !== undefined) {
            await withStepSuggestion(client, runId, step, () => printLog(cli, client, runId, step, options));
          } else await printAll(cli, client, runId, options);
        } catch (error) {
          // Ctrl-C is how following ends.
          if (!(options.follow === true && cli.signal.aborted)) throw error;
        }
      }),
  );
};

/** One step after the other; when following, also those that begin later, until the run has ended. */
const printAll = async (cli: Cli, client: SkeinClient, runId: string, options: Options): Promise<void> => {
  const printed = new Set<string>();
  for (let run = await client.runs.get(runId); ; ) {
    const fresh = (await stepsWithLogs(client, run)).filter((path) => !printed.has(path));
    for (const path of fresh) {
      printed.add(path);
      if (options.json !== true) cli.note(cli.colors.dim(`── ${cell(path)}`));
      await printLog(cli, client, runId, path, options);
    }
    if (options.follow !== true || cli.signal.aborted || (fresh.length === 0 && isTerminalRun(run.status))) return;
    run = await client.runs.get(runId, { waitMs: fresh.length > 0 ? 0 : lookMs, signal: cli.signal });
  }
};

/** How often a log, or a run, is looked at again while it is followed. */
const lookMs = 500;

const printLog = async (
  cli: Cli,
  client: SkeinClient,
  runId: string,
  step: string,
  options: Options,
): Promise<void> => {
  const attempt = options.attempt === undefined ? {} : { attempt: options.attempt };
  const write = logWriter(cli, options);
  await noteAttempt(cli, client, runId, step, options);
  if (options.follow === true && options.json !== true) {
    for await (const bytes of client.runs.followLog(runId, step, { ...attempt, signal: cli.signal })) write(bytes);
    return;
  }
  for (let offset = 0; ; ) {
    const page = await client.runs.log(runId, step, { ...attempt, offset });
    const isNews = page.next !== offset || page.complete || options.follow !== true;
    if (options.json === true) {
      if (isNews) answerLine(cli, { runId, step, ...page });
    } else write(page.text);
    if (page.next === offset) {
      if (page.complete || options.follow !== true || cli.signal.aborted) return;
      await sleep(lookMs, undefined, { signal: cli.signal });
    }
    offset = page.next;
  }
};

/** Writes pieces of a log: as they are, or so that none of them can steer the terminal. */
const logWriter = (cli: Cli, { raw }: Options): ((piece: string | Uint8Array) => void) => {
  if (!cli.terminal || raw === true) return (piece) => cli.write(piece);
  const decoder = new TextDecoder();
  return (piece) => cli.write(safeLog(typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })));
};

/** Says which attempt this is, when there are others. */
const noteAttempt = async (
  cli: Cli,
  client: SkeinClient,
  runId: string,
  step: string,
  { attempt, json }: Options,
): Promise<void> => {
  if (json === true) return;
  const last = await client.runs.step(runId, step).then(
    (info) => info.step.attempt,
    () => 0,
  );
  if (last < 2) return;
  cli.note(cli.colors.dim(`attempt ${attempt ?? last} of ${last}; another one: --attempt N`));
};

/** A call runs nothing of its own: the run that it started has the logs. */
const hasLog = (step: StepView): boolean => step.attempt > 0 && step.childRunId === undefined;

/** Steps that ran, with the items of fan-outs in place of the step. */
const stepsWithLogs = async (client: SkeinClient, run: RunView): Promise<readonly string[]> => {
  const paths: string[] = [];
  for (const step of allSteps(run)) {
    if (step.items === undefined) {
      if (hasLog(step)) paths.push(step.id);
      continue;
    }
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await client.runs.items(run.runId, step.id, cursor === undefined ? {} : { cursor });
      paths.push(...page.items.filter(hasLog).map((item) => item.id));
      cursor = page.nextCursor;
    }
  }
  return paths;
};
