import { DomainError } from '@skein/domain';
import type { RolloutInfo, SkeinClient } from '@skein/sdk';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { renderResults, renderRollouts } from '../render/render-results.ts';
import { figure, renderRollout } from '../render/render-rollout.ts';
import { cell, renderTable } from '../render/render-table.ts';
import { onAgent } from './with-revision.ts';

interface OneOptions extends AnswerOptions {
  readonly rollout?: string;
}

/** `skein rollout show|results|observations|list`. */
export const lookCommands = (cli: Cli): readonly Command[] => [
  remoteCommand('show', 'show the rollout of an agent: the live one, else a draft, else the last one')
    .argument('<agent>', 'agent id')
    .option('--rollout <id>', 'this one')
    .action(async (agentId: string, options: OneOptions) => {
      const client = await connect(cli, options);
      const rollout = await onAgent(client, agentId, () => findRollout(client, agentId, options.rollout));
      const freeze = await client.freezes.get(agentId);
      answer(cli, options.json, rollout, () => renderRollout(cli.colors, rollout, Date.now(), freeze));
    }),
  remoteCommand('results', 'show what was measured, also after the end')
    .argument('<agent>', 'agent id')
    .option('--rollout <id>', 'of this one')
    .action(async (agentId: string, options: OneOptions) => {
      const client = await connect(cli, options);
      const of = options.rollout === undefined ? {} : { rolloutId: options.rollout };
      const results = await onAgent(client, agentId, () => client.rollouts.results(agentId, of));
      answer(cli, options.json, results, () => renderResults(cli.colors, results));
    }),
  observationsCommand(cli),
  listCommand(cli),
];

/** The rollout that is meant when none is named. */
export const findRollout = async (client: SkeinClient, agentId: string, id?: string): Promise<RolloutInfo> => {
  if (id !== undefined) return client.rollouts.read(id);
  const current = await client.rollouts.get(agentId);
  if (current !== undefined) return current;
  const [last] = (await client.rollouts.list({ agentId, perPage: 1 })).rollouts;
  if (last !== undefined) return last;
  throw new DomainError('not_found', `agent ${cell(agentId)} has had no rollout; start one with "skein rollout start"`);
};

interface ObservationsOptions extends OneOptions {
  readonly metric?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const observationsCommand = (cli: Cli): Command =>
  remoteCommand('observations', 'list raw observations, one per counted unit and metric')
    .argument('<agent>', 'agent id')
    .option('--rollout <id>', 'of this one')
    .option('--metric <metric>', 'only of this metric')
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 1_000)).default(100))
    .option('--cursor <cursor>', 'go on from here')
    .action(async (agentId: string, { rollout, metric, limit, cursor, ...options }: ObservationsOptions) => {
      const client = await connect(cli, options);
      const page = await onAgent(client, agentId, () =>
        client.rollouts.observations(agentId, {
          limit,
          ...(rollout === undefined ? {} : { rolloutId: rollout }),
          ...(metric === undefined ? {} : { metric }),
          ...(cursor === undefined ? {} : { cursor }),
        }),
      );
      answer(cli, options.json, page, () => {
        const table = renderTable(
          cli.colors,
          ['#', 'arm', 'metric', 'value', 'run', 'assigned (UTC)', 'epoch'],
          page.items.map((item) => [
            String(item.seq),
            cell(page.arms[item.arm] ?? String(item.arm)),
            cell(item.metric),
            item.value === null ? 'missing' : figure(item.value),
            item.runId,
            formatInstant(item.assignedAt),
            String(item.epoch),
          ]),
          'no observations',
        );
        return page.nextCursor === undefined
          ? table
          : `${table}\n${cli.colors.dim(`more: --cursor ${page.nextCursor}`)}`;
      });
    });

interface ListOptions extends AnswerOptions {
  readonly page: number;
  readonly perPage: number | false;
}

const listCommand = (cli: Cli): Command =>
  remoteCommand('list', 'list rollouts, newest first')
    .argument('[agent]', 'only of this agent')
    .addOption(new Option('--page <n>', 'from 1').argParser(wholeNumber(1, 1_000_000)).default(1))
    .addOption(new Option('--per-page <n>', 'at most 100, or all').argParser(sizeOf).default(20))
    .action(async (agentId: string | undefined, { page, perPage, ...options }: ListOptions) => {
      const client = await connect(cli, options);
      const ask = () => client.rollouts.list({ page, perPage, ...(agentId === undefined ? {} : { agentId }) });
      const found = await (agentId === undefined ? ask() : onAgent(client, agentId, ask));
      answer(cli, options.json, found, () => {
        const table = renderRollouts(cli.colors, found.rollouts);
        const isMore = perPage !== false && page * perPage < found.total;
        return isMore ? `${table}\n${cli.colors.dim(`more: --page ${page + 1} of ${found.total} rollouts`)}` : table;
      });
    });

const sizeOf = (text: string): number | false => {
  if (text === 'all') return false;
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 100) return value;
  throw new InvalidArgumentError('must be a whole number from 1 to 100, or all');
};
