import { DomainError } from '@skein/domain';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { withStepSuggestion } from '../cli/with-suggestion.ts';
import { agentNamesOf } from '../follow/agent-names-of.ts';
import { formatDuration, formatInstant } from '../render/format.ts';
import { paintStatus, renderRun } from '../render/render-run.ts';
import { renderStep } from '../render/render-step.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface ListOptions extends AnswerOptions {
  readonly dag?: string;
  readonly parent?: string;
  readonly status?: 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';
  readonly limit: number;
  readonly cursor?: string;
}

interface ShowOptions extends AnswerOptions {
  readonly step?: string;
  readonly transcript?: boolean;
}

/** `skein runs`, `skein runs list`, `skein runs show RUN`. */
export const addRunsCommand: AddCommand = (program, cli) => {
  const list = () =>
    remoteCommand('list', 'list runs, newest first')
      .option('--dag <name>', 'only of this DAG')
      .option('--parent <run>', 'the runs that steps of this run called')
      .addOption(
        new Option('--status <status>', 'only in this status').choices([
          'queued',
          'running',
          'waiting',
          'succeeded',
          'failed',
          'cancelled',
        ]),
      )
      .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 500)).default(20))
      .option('--cursor <cursor>', 'go on from here')
      .action((options: ListOptions) => listRuns(cli, options));
  const show = remoteCommand('show', 'show one run with its steps, or one step with its attempts, turns and tool calls')
    .argument('<run>', runText)
    .option('--step <step>', 'this step: its attempts, turns, tool calls, tokens and cost')
    .option('--transcript', 'with --step: the texts, inputs and outputs too')
    .action(async (text: string, options: ShowOptions) => {
      const client = await connect(cli, options);
      const runId = await resolveRun(client, text);
      const { step, transcript = false } = options;
      if (step !== undefined) {
        const info = await withStepSuggestion(client, runId, step, () => client.runs.step(runId, step, { transcript }));
        answer(cli, options.json, info, () => renderStep(cli.colors, info, Date.now()));
        return;
      }
      if (transcript) throw new DomainError('invalid_argument', '--transcript is of one step: give --step STEP too');
      const run = await client.runs.get(runId);
      const names = options.json === true ? {} : await agentNamesOf(client, run);
      answer(cli, options.json, run, () => renderRun(cli.colors, run, Date.now(), names));
    });
  const runs = program.command('runs').summary('list and show runs').description('list and show runs');
  runs.addCommand(list(), { isDefault: true }).addCommand(show);
};

const listRuns = async (cli: Cli, options: ListOptions): Promise<void> => {
  const client = await connect(cli, options);
  const page = await client.runs.list({
    limit: options.limit,
    ...(options.dag === undefined ? {} : { dag: options.dag }),
    ...(options.parent === undefined ? {} : { parent: await resolveRun(client, options.parent) }),
    ...(options.status === undefined ? {} : { status: options.status }),
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  });
  answer(cli, options.json, page, () => {
    const rows = page.items.map((run) => [
      run.runId,
      cell(run.dag),
      `${paintStatus(cli.colors, run.status)}${run.partial ? ' (partial)' : ''}`,
      formatInstant(run.createdAt),
      run.startedAt === undefined || run.finishedAt === undefined
        ? ''
        : formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
    ]);
    const table = renderTable(cli.colors, ['run', 'DAG', 'status', 'created (UTC)', 'duration'], rows, 'no runs yet');
    return page.nextCursor === undefined ? table : `${table}\n${cli.colors.dim(`more: --cursor ${page.nextCursor}`)}`;
  });
};
