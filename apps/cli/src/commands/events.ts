import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@skein/domain';
import type { DeliveryEventInfo, DeliveryEvents, DeliveryEventsClient } from '@skein/sdk';
import { Option } from 'commander';
import { answer, answerLine, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { patiently } from '../follow/patiently.ts';
import { printRunEvents } from '../follow/print-run-events.ts';
import { formatDuration, formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly after?: number;
  readonly limit?: number;
  readonly last?: number;
  readonly follow?: boolean;
}

/** How often followed events are asked for. */
const lookMs = 1_000;

/** How many events are listed when nothing is said. */
const defaultLimit = 100;

/** `skein events [RUN]`: what expired, was refused, given up, redriven, purged or fenced; or what happened to one run. */
export const addEventsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand(
      'events',
      'list delivery events: what expired, was refused, given up or fenced; or the log of one run',
    )
      .argument('[run]', `what happened to this run, and who did it: ${runText}`)
      .addOption(
        new Option('--after <seq>', 'only those after this number').argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
      )
      .addOption(
        new Option('--limit <n>', `at most so many (${defaultLimit}; all of a run)`).argParser(wholeNumber(1, 1_000)),
      )
      .addOption(new Option('--last <n>', 'only the newest ones').argParser(wholeNumber(1, 1_000)))
      .option('-f, --follow', 'go on with those to come; with --json one object per line')
      .action(async (run: string | undefined, options: Options) => {
        if (options.last !== undefined && options.after !== undefined) {
          throw new DomainError('invalid_argument', '--last and --after exclude each other');
        }
        const client = await connect(cli, options);
        if (run === undefined) await deliveryEvents(cli, client.deliveryEvents, options);
        else await printRunEvents(cli, client, await resolveRun(client, run), options);
      }),
  );
};

const deliveryEvents = async (cli: Cli, events: DeliveryEventsClient, options: Options): Promise<void> => {
  const { last } = options;
  const limit = options.limit ?? last ?? defaultLimit;
  const after = last === undefined ? (options.after ?? 0) : Math.max(0, (await newest(events)) - last);
  if (options.follow === true) {
    const read = (from: number) => patiently(() => events.read({ after: from, limit }), cli.signal);
    await follow(cli, read, after, options.json === true);
    return;
  }
  const page = await events.read({ after, limit });
  const isMore = page.items.length === limit && (await events.read({ after: page.next, limit: 1 })).items.length > 0;
  answer(cli, options.json, page, () => renderPage(cli, page, isMore));
};

/** Number of the newest event, 0 when there is none. Numbers have no holes, so it is found by halving. */
const newest = async (events: DeliveryEventsClient): Promise<number> => {
  const isBeyond = async (seq: number) => (await events.read({ after: seq, limit: 1 })).items.length === 0;
  let high = 1;
  while (!(await isBeyond(high))) high *= 2;
  let low = 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isBeyond(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

const renderPage = (cli: Cli, { items, gap, next }: DeliveryEvents, isMore: boolean): string =>
  [
    ...gapLines(cli, gap),
    renderTable(cli.colors, ['#', 'at (UTC)', 'event', 'item', 'step', 'reason', ''], items.map(cellsOf), 'no events'),
    ...(isMore ? [cli.colors.dim(`more: --after ${next}`)] : []),
  ].join('\n');

const follow = async (
  cli: Cli,
  read: (after: number) => Promise<DeliveryEvents>,
  from: number,
  json: boolean,
): Promise<void> => {
  for (let after = from; !cli.signal.aborted; ) {
    const page = await read(after);
    after = page.next;
    if (json) {
      if (page.gap !== undefined) answerLine(cli, { gap: page.gap });
      for (const event of page.items) answerLine(cli, event);
    } else {
      for (const line of gapLines(cli, page.gap)) cli.out(line);
      for (const event of page.items) {
        cli.out(
          cellsOf(event)
            .filter((text) => text !== '')
            .join('  '),
        );
      }
    }
    if (page.items.length === 0) await sleep(lookMs, undefined, { signal: cli.signal }).catch(() => undefined);
  }
};

const gapLines = (cli: Cli, gap: DeliveryEvents['gap']): readonly string[] =>
  gap === undefined ? [] : [cli.colors.yellow(`gap: events ${gap.from} to ${gap.to} were removed by retention`)];

const cellsOf = (event: DeliveryEventInfo): readonly string[] => [
  String(event.seq),
  formatInstant(event.at),
  event.kind,
  cell(event.itemId),
  `${event.runId}/${cell(event.step)}`,
  cell(event.reason),
  [
    ...(event.attempts === undefined ? [] : [`attempts ${event.attempts}`]),
    ...(event.ageMs === undefined ? [] : [`after ${formatDuration(event.ageMs)}`]),
  ].join(', '),
];
