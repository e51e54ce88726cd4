import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DomainError, type ProposalStatus } from '@skein/domain';
import type { MemoryChangeInfo, ProposalInfo, RevertInfo } from '@skein/sdk';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { formatBytes, formatInstant, safeText } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

const scopeText = 'global, dag/NAME or agent/ID';

/** `skein memory`: what agents remember, what they want to remember, and how to undo it. */
export const addMemoryCommand: AddCommand = (program, cli) => {
  const about = "read and correct the agents' memory";
  program
    .command('memory')
    .summary(about)
    .description(about)
    .addCommand(listCommand(cli), { isDefault: true })
    .addCommand(showCommand(cli))
    .addCommand(historyCommand(cli))
    .addCommand(setCommand(cli))
    .addCommand(proposalsCommand(cli))
    .addCommand(reviewCommand(cli, 'approve', 'fold a proposal that waits into its scope'))
    .addCommand(reviewCommand(cli, 'reject', 'refuse a proposal that waits'))
    .addCommand(foldCommand(cli))
    .addCommand(revertCommand(cli));
};

const listCommand = (cli: Cli) =>
  remoteCommand('list', 'list memory scopes').action(async (options: AnswerOptions) => {
    const items = await (await connect(cli, options)).memory.list();
    answer(cli, options.json, { items }, () =>
      renderTable(
        cli.colors,
        ['scope', 'revision', 'size'],
        items.map(({ scope, revision, bytes }) => [cell(scope), String(revision), formatBytes(bytes)]),
        'no memory',
      ),
    );
  });

const showCommand = (cli: Cli) =>
  remoteCommand('show', 'print the text of a scope')
    .argument('<scope>', scopeText)
    .addOption(new Option('--revision <n>', 'as it was then').argParser(wholeNumber(1, 1_000_000_000)))
    .action(async (scope: string, options: AnswerOptions & { readonly revision?: number }) => {
      const memory = await (await connect(cli, options)).memory.read(scope, options.revision);
      answer(cli, options.json, memory, () => safeText(memory.text).replace(/\n$/, ''));
    });

const historyCommand = (cli: Cli) =>
  remoteCommand('history', 'list the revisions of a scope, newest first')
    .argument('<scope>', scopeText)
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 500)).default(20))
    .option('--cursor <cursor>', 'go on from here')
    .action(async (scope: string, options: AnswerOptions & { readonly limit: number; readonly cursor?: string }) => {
      const { limit, cursor } = options;
      const client = await connect(cli, options);
      const page = await client.memory.history(scope, { limit, ...(cursor === undefined ? {} : { cursor }) });
      answer(cli, options.json, page, () =>
        renderTable(
          cli.colors,
          ['revision', 'at (UTC)', 'size', 'change'],
          page.items.map(({ revision, at, bytes, change }) => [
            String(revision),
            formatInstant(at),
            formatBytes(bytes),
            cell(changeText(change)),
          ]),
        ),
      );
    });

const changeText = (change: MemoryChangeInfo): string => {
  switch (change.kind) {
    case 'seed':
      return 'written by apply';
    case 'set':
      return `set by ${change.by}`;
    case 'fold': {
      const count = change.proposalIds.length;
      return `${count} proposal${count === 1 ? '' : 's'} folded`;
    }
    case 'revert':
      return `${change.runId} reverted by ${change.by}`;
  }
};

const setCommand = (cli: Cli) =>
  remoteCommand('set', 'write the text of a scope')
    .argument('<scope>', scopeText)
    .argument('<file>', 'file with the whole text, or - for standard input')
    .addOption(
      new Option('--expect <revision>', 'only if the scope is at this revision (0: does not exist)').argParser(
        wholeNumber(0, 1_000_000_000),
      ),
    )
    .action(async (scope: string, file: string, options: AnswerOptions & { readonly expect?: number }) => {
      const text =
        file === '-' ? decode('standard input', await buffer(process.stdin)) : await readText(resolve(cli.cwd, file));
      const client = await connect(cli, options);
      const expected = options.expect === undefined ? {} : { expectedRevision: options.expect };
      const memory = await client.memory.set(scope, text, expected);
      answer(cli, options.json, memory, () => `${cell(memory.scope)} revision ${memory.revision}`);
    });

const readText = async (path: string): Promise<string> => {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new DomainError('invalid_argument', `${path} cannot be read (${error.code ?? 'unknown'})`);
  });
  return decode(path, bytes);
};

/** Memory is text: bytes that are none would come back as others. */
const decode = (from: string, bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DomainError('invalid_argument', `${from} is not UTF-8 text`);
  }
};

const statuses: readonly ProposalStatus[] = ['pending', 'review', 'folded', 'rejected', 'dropped', 'reverted'];

interface ProposalOptions extends AnswerOptions {
  readonly scope?: string;
  readonly status?: ProposalStatus;
  readonly run?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const proposalsCommand = (cli: Cli) =>
  remoteCommand('proposals', 'list what agents want to remember, oldest first')
    .option('--scope <scope>', `only of this scope: ${scopeText}`)
    .addOption(new Option('--status <status>', 'only in this status').choices(statuses))
    .option('--run <run>', 'only of this run')
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 500)).default(50))
    .option('--cursor <cursor>', 'go on from here')
    .action(async ({ scope, status, run, limit, cursor, ...options }: ProposalOptions) => {
      const page = await (await connect(cli, options)).memory.proposals({
        limit,
        ...(scope === undefined ? {} : { scope }),
        ...(status === undefined ? {} : { status }),
        ...(run === undefined ? {} : { runId: run }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      answer(cli, options.json, page, () => {
        const more = page.nextCursor === undefined ? [] : [cli.colors.dim(`more: --cursor ${page.nextCursor}`)];
        const blocks = page.items.map((proposal) => renderProposal(cli, proposal));
        return [...(blocks.length === 0 ? [cli.colors.dim('no proposals')] : blocks), ...more].join('\n');
      });
    });

/** What an agent wrote is data: it is shown quoted, and cannot steer the terminal. */
const renderProposal = (cli: Cli, proposal: ProposalInfo): string => {
  const { proposalId, scope, op, status, reason, agentId, runId, step } = proposal;
  const head = `${cell(proposalId)}  ${op} ${cell(scope)}  ${status}${reason === undefined ? '' : ` (${cell(reason)})`}`;
  const origin = cli.colors.dim(
    `  by ${cell(agentId)} in step ${cell(step)} of ${runId}, ${formatInstant(proposal.at)} UTC`,
  );
  const quote = (mark: string, text: string): readonly string[] =>
    safeText(text)
      .split('\n')
      .map((line) => `  ${mark} ${line}`);
  return [
    head,
    origin,
    ...(proposal.basis === undefined ? [] : quote('-', proposal.basis)),
    ...(op === 'remove' ? [] : quote('+', proposal.text)),
  ].join('\n');
};

const reviewCommand = (cli: Cli, verdict: 'approve' | 'reject', about: string) =>
  remoteCommand(verdict, about)
    .argument('<proposal>', 'id of the proposal, as `skein memory proposals` shows it')
    .action(async (proposalId: string, options: AnswerOptions) => {
      const proposal = await (await connect(cli, options)).memory[verdict](proposalId);
      answer(cli, options.json, proposal, () => `${cell(proposal.proposalId)} ${proposal.status}`);
    });

const foldCommand = (cli: Cli) =>
  remoteCommand('fold', 'fold what waits now, instead of at the next interval')
    .argument('[scope]', scopeText)
    .action(async (scope: string | undefined, options: AnswerOptions) => {
      const items = await (await connect(cli, options)).memory.fold(scope);
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['scope', 'revision', 'folded', 'review', 'dropped'],
          items.map((item) => [
            cell(item.scope),
            ...[item.revision, item.folded, item.review, item.dropped].map(String),
          ]),
          'nothing waits',
        ),
      );
    });

const revertCommand = (cli: Cli) =>
  remoteCommand('revert', 'undo all that a run, and the runs that it called, wrote to memory')
    .argument('<run>', runText)
    .action(async (run: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      const reverted = await client.memory.revertRun(await resolveRun(client, run));
      answer(cli, options.json, reverted, () => renderRevert(cli, reverted));
    });

const renderRevert = (cli: Cli, { scopes }: RevertInfo): string =>
  renderTable(
    cli.colors,
    ['scope', 'revision', 'reverted', 'rejected', 'to review', ''],
    scopes.map((scope) => [
      cell(scope.scope),
      ...[scope.revision, scope.reverted, scope.rejected, scope.review].map(String),
      scope.setSince ? 'set by hand since: that text stands' : '',
    ]),
    'the run wrote nothing',
  );
