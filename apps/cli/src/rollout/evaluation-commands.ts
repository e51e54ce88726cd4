import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@skein/domain';
import type { ReplayInfo, ReplayInput, SkeinClient } from '@skein/sdk';
import { type Command, Option } from 'commander';
import { answer, answerLine, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { patiently } from '../follow/patiently.ts';
import { formatInstant } from '../render/format.ts';
import { eventCells, renderReplay } from '../render/render-results.ts';
import { cell, renderTable } from '../render/render-table.ts';
import { parseReplayRuns, parseScorer, replayRunsText, scorerText } from './parse-rule.ts';
import { onAgent } from './with-revision.ts';

/** `skein rollout replay|freeze|unfreeze|events`. */
export const evaluationCommands = (cli: Cli): readonly Command[] => [
  replayCommand(cli),
  remoteCommand('freeze', 'send every run of an agent to its active version, whatever a rollout says')
    .argument('<agent>', 'agent id')
    .option('--reason <text>', 'why; needed')
    .action(async (agentId: string, { reason, ...options }: AnswerOptions & { readonly reason?: string }) => {
      if (reason === undefined) {
        throw new DomainError('invalid_argument', 'a freeze needs a --reason: it is recorded');
      }
      const client = await connect(cli, options);
      const freeze = await onAgent(client, agentId, () => client.freezes.set(agentId, reason));
      answer(cli, options.json, freeze, () => `${cell(freeze.agentId)} is frozen since ${formatInstant(freeze.at)}`);
    }),
  remoteCommand('unfreeze', 'end a freeze')
    .argument('<agent>', 'agent id')
    .action(async (agentId: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      await onAgent(client, agentId, () => client.freezes.end(agentId));
      answer(cli, options.json, { agentId, frozen: false }, () => `${cell(agentId)} is not frozen`);
    }),
  eventsCommand(cli),
];

interface ReplayOptions extends AnswerOptions {
  readonly candidate?: string;
  readonly id?: string;
  readonly runs: string;
  readonly limit?: number;
  readonly mode?: 'strict' | 'live';
  readonly margin?: number;
  readonly minPairs?: number;
  readonly scorer: readonly string[];
  readonly wait?: boolean;
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** How often a replay that is waited for is looked at. */
const lookMs = 1_000;

const replayCommand = (cli: Cli): Command =>
  remoteCommand('replay', 'try recorded steps again on a candidate, with the recorded answers of tools, and compare')
    .argument('<agent>', 'agent id')
    .option('--candidate <version>', 'version of the candidate')
    .option('--id <replay>', 'look at this replay instead of starting one')
    .option('--runs <runs>', `which: ${replayRunsText}`, 'failed')
    .addOption(new Option('--limit <n>', 'at most so many steps; default 20').argParser(wholeNumber(1, 500)))
    .addOption(
      new Option('--mode <mode>', 'strict: only recorded calls; live: read-only calls are made').choices([
        'strict',
        'live',
      ]),
    )
    .addOption(new Option('--margin <number>', 'worse by more than this fails; default 0.05').argParser(Number))
    .addOption(
      new Option(
        '--min-pairs <n>',
        'pairs that must be compared before it may pass without proof; default 5',
      ).argParser(wholeNumber(1, 500)),
    )
    .option('--scorer <scorer>', `what judges outputs: ${scorerText}; may be repeated`, collect, [])
    .option('--wait', 'wait until it has ended; fails unless it passed')
    .action(async (agentId: string, options: ReplayOptions) => {
      const client = await connect(cli, options);
      const replay = await onAgent(client, agentId, () => replayOf(client, agentId, options));
      const last = options.wait === true ? await untilReplayed(cli, client, replay) : replay;
      answer(cli, options.json, last, () => renderReplay(cli.colors, last));
      if (options.wait === true && last.status !== 'passed') cli.exitCode = exitCodes.failed;
    });

const replayOf = (client: SkeinClient, agentId: string, options: ReplayOptions): Promise<ReplayInfo> => {
  const { candidate, id } = options;
  if ((candidate === undefined) === (id === undefined)) {
    throw new DomainError('invalid_argument', 'give --candidate to start a replay, or --id to look at one');
  }
  if (candidate === undefined) return client.replays.get(agentId, id ?? '');
  if (options.margin !== undefined && Number.isNaN(options.margin)) {
    throw new DomainError('invalid_argument', '--margin must be a number like 0.05');
  }
  const input: ReplayInput = {
    candidate,
    ...parseReplayRuns(options.runs, '--runs'),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.margin === undefined ? {} : { margin: options.margin }),
    ...(options.minPairs === undefined ? {} : { minPairs: options.minPairs }),
    ...(options.scorer.length === 0 ? {} : { scorers: options.scorer.map(parseScorer) }),
  };
  return client.replays.start(agentId, input);
};

/** The replay when it has ended, or as it is when Ctrl-C was pressed. */
const untilReplayed = async (cli: Cli, client: SkeinClient, first: ReplayInfo): Promise<ReplayInfo> => {
  let replay = first;
  while (replay.status === 'running' && !cli.signal.aborted) {
    await sleep(lookMs, undefined, { signal: cli.signal }).catch(() => undefined);
    replay = await patiently(() => client.replays.get(first.agentId, first.id), cli.signal);
  }
  return replay;
};

interface EventsOptions extends AnswerOptions {
  readonly after: number;
  readonly limit: number;
  readonly follow?: boolean;
}

/** Longest wait of one call for events, in ms. */
const waitMs = 30_000;

const eventsCommand = (cli: Cli): Command =>
  remoteCommand('events', 'list what happened to rollouts, oldest first')
    .addOption(
      new Option('--after <seq>', 'only those after this number')
        .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
        .default(0),
    )
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 1_000)).default(100))
    .option('-f, --follow', 'go on with those to come; with --json one object per line')
    .action(async ({ after, limit, ...options }: EventsOptions) => {
      const client = await connect(cli, options);
      if (options.follow === true) {
        await follow(cli, client, after, limit, options.json === true);
        return;
      }
      const page = await client.rollouts.events({ after, limit });
      answer(cli, options.json, page, () => {
        const head = ['#', 'at (UTC)', 'agent', 'event', '', 'by', 'what'];
        const table = renderTable(cli.colors, head, page.items.map(eventCells), 'no events');
        return page.items.length < limit ? table : `${table}\n${cli.colors.dim(`more: --after ${page.next}`)}`;
      });
    });

const follow = async (cli: Cli, client: SkeinClient, from: number, limit: number, json: boolean): Promise<void> => {
  for (let after = from; !cli.signal.aborted; ) {
    const ask = () => client.rollouts.events({ after, limit, waitMs, signal: cli.signal });
    const page = await patiently(ask, cli.signal).catch((error: unknown) => {
      if (cli.signal.aborted) return undefined;
      throw error;
    });
    if (page === undefined) return;
    after = page.next;
    for (const event of page.items) {
      if (json) answerLine(cli, event);
      else cli.out(eventCells(event).join('  '));
    }
  }
};
