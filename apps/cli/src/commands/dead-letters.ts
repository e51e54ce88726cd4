import { DomainError } from '@skein/domain';
import type { DeadLetterInfo, ListDeadLettersInput } from '@skein/sdk';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { warnOfUnknown } from '../follow/warn-of-unknown.ts';
import { formatInstant, safeText } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein dead-letters`: what was given up, and what to do with it. */
export const addDeadLettersCommand: AddCommand = (program, cli) => {
  const about = 'tasks and messages that were given up';
  program
    .command('dead-letters')
    .summary(about)
    .description(about)
    .addCommand(listCommand(cli), { isDefault: true })
    .addCommand(showCommand(cli))
    .addCommand(redriveCommand(cli))
    .addCommand(purgeCommand(cli));
};

interface ListOptions extends AnswerOptions {
  readonly status: 'open' | 'redriven' | 'purged' | 'all';
  readonly kind?: NonNullable<ListDeadLettersInput['kind']>;
  readonly reason?: NonNullable<ListDeadLettersInput['reason']>;
  readonly run?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const reasons = ['poison', 'transport_exhausted', 'recipient_gone', 'too_many_presentations'];

const listCommand = (cli: Cli) =>
  remoteCommand('list', 'list dead letters, newest first')
    .addOption(
      new Option('--status <status>', 'only in this status')
        .choices(['open', 'redriven', 'purged', 'all'])
        .default('open'),
    )
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(['task', 'message']))
    .addOption(new Option('--reason <reason>', 'only for this reason').choices(reasons))
    .option('--run <run>', 'only of this run')
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 500)).default(50))
    .option('--cursor <cursor>', 'go on from here')
    .action(async (options: ListOptions) => {
      const client = await connect(cli, options);
      const { status, kind, reason, run, limit, cursor } = options;
      const page = await client.deadLetters.list({
        limit,
        ...(status === 'all' ? {} : { status }),
        ...(kind === undefined ? {} : { kind }),
        ...(reason === undefined ? {} : { reason }),
        ...(run === undefined ? {} : { runId: await resolveRun(client, run) }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      answer(cli, options.json, page, () => {
        const rows = page.items.map((letter) => [
          cell(letter.id),
          letter.kind,
          letter.reason,
          letter.status,
          cell(letter.dag),
          formatInstant(letter.at),
        ]);
        const head = ['dead letter', 'kind', 'reason', 'status', 'DAG', 'at (UTC)'];
        const table = renderTable(cli.colors, head, rows, 'no dead letters');
        return page.nextCursor === undefined
          ? table
          : `${table}\n${cli.colors.dim(`more: --cursor ${page.nextCursor}`)}`;
      });
    });

const showCommand = (cli: Cli) =>
  remoteCommand('show', 'show one with its history')
    .argument('<id>', 'its id')
    .action(async (id: string, options: AnswerOptions) => {
      const letter = await (await connect(cli, options)).deadLetters.get(id);
      answer(cli, options.json, letter, () => renderLetter(cli, letter));
    });

const renderLetter = (cli: Cli, letter: DeadLetterInfo): string => {
  const settled =
    letter.settledAt === undefined ? '' : ` by ${letter.settledBy ?? ''} at ${formatInstant(letter.settledAt)}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['id', letter.id],
    ['kind', letter.kind],
    ['status', `${letter.status}${settled}`],
    ['reason', letter.reason],
    ['runId', letter.runId],
    ['dag', letter.dag],
    ['step', letter.step],
    ['messageId', letter.messageId],
    ['at', formatInstant(letter.at)],
    ['transportAttempts', String(letter.transportAttempts)],
    ['executionAttempts', String(letter.executionAttempts)],
    ['applicationFailures', String(letter.applicationFailures)],
    ['redrivenRunId', letter.redrivenRunId],
    ['error', errorText(letter)],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${cli.colors.dim(name.padEnd(19))} ${cell(value)}`],
  );
  const history = renderTable(
    cli.colors,
    ['at (UTC)', 'what', 'worker'],
    letter.history.map((entry) => [formatInstant(entry.at), cell(entry.what), cell(entry.workerId)]),
    'no history',
  );
  return [...lines, '', history, ...(letter.body === undefined ? [] : ['', safeText(letter.body)])].join('\n');
};

const errorText = ({ error }: DeadLetterInfo): string | undefined => {
  if (error === undefined) return undefined;
  const { message } = error;
  return typeof message === 'string' ? message : JSON.stringify(error);
};

const redriveCommand = (cli: Cli) =>
  remoteCommand('redrive', 'try it again: a task in a new run that keeps what succeeded, a message with its id')
    .argument('<id>', 'its id')
    .option('--dry-run', 'only say what would happen')
    .option('--run <run>', 'for a message: the run to whose step it is sent')
    .action(async (id: string, options: AnswerOptions & { readonly dryRun?: boolean; readonly run?: string }) => {
      const client = await connect(cli, options);
      const done = await client.deadLetters.redrive(id, {
        ...(options.dryRun === true ? { dryRun: true } : {}),
        ...(options.run === undefined ? {} : { runId: await resolveRun(client, options.run) }),
      });
      if (done.deadLetter.kind === 'task') await warnOfUnknown(cli, client, done.deadLetter.runId);
      answer(cli, options.json, done, () => {
        const { kind, runId, step } = done.deadLetter;
        if (kind === 'message') {
          return `${done.dryRun ? 'would be sent' : 'sent'} again to ${cell(step)} of ${done.runId}`;
        }
        return done.dryRun
          ? `would start a new run that keeps what succeeded in ${runId}`
          : `redriven by ${done.runId}`;
      });
    });

const purgeCommand = (cli: Cli) =>
  remoteCommand('purge', 'give one up for good: its text goes, the entry stays')
    .argument('<id>', 'its id')
    .option('--yes', 'yes, for good')
    .action(async (id: string, options: AnswerOptions & { readonly yes?: boolean }) => {
      if (options.yes !== true) throw new DomainError('invalid_argument', 'a purge cannot be undone: add --yes');
      const letter = await (await connect(cli, options)).deadLetters.purge(id);
      answer(cli, options.json, letter, () => `${cell(letter.id)} ${letter.status}`);
    });
