import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveryEventInfo, DeliveryEvents } from '@skein/sdk';
import { Option } from 'commander';
import { answer, answerLine, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { patiently } from '../follow/patiently.ts';
import { formatDuration, formatInstant } from '../render/format.ts';
import { cell } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly after: number;
  readonly limit: number;
  readonly follow?: boolean;
}

/** How often followed events are asked for. */
const lookMs = 1_000;

/** `skein events`: what expired, was refused, given up, redriven, purged or fenced. */
export const addEventsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('events', 'list delivery events: what expired, was refused, given up, redriven, purged or fenced')
      .addOption(
        new Option('--after <seq>', 'only those after this number')
          .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
          .default(0),
      )
      .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 1_000)).default(100))
      .option('-f, --follow', 'go on with those to come; with --json one object per line')
      .action(async (options: Options) => {
        const events = (await connect(cli, options)).deliveryEvents;
        if (options.follow === true) {
          const read = (after: number) => patiently(() => events.read({ after, limit: options.limit }), cli.signal);
          await follow(cli, read, options);
          return;
        }
        const page = await events.read({ after: options.after, limit: options.limit });
        answer(cli, options.json, page, () => linesOf(cli, page).join('\n') || cli.colors.dim('no events'));
      }),
  );
};

const follow = async (cli: Cli, read: (after: number) => Promise<DeliveryEvents>, options: Options): Promise<void> => {
  for (let after = options.after; !cli.signal.aborted; ) {
    const page = await read(after);
    after = page.next;
    if (options.json === true) {
      if (page.gap !== undefined) answerLine(cli, { gap: page.gap });
      for (const event of page.items) answerLine(cli, event);
    } else for (const line of linesOf(cli, page)) cli.out(line);
    if (page.items.length === 0) await sleep(lookMs, undefined, { signal: cli.signal }).catch(() => undefined);
  }
};

const linesOf = (cli: Cli, { items, gap }: DeliveryEvents): readonly string[] => [
  ...(gap === undefined ? [] : [cli.colors.yellow(`gap: events ${gap.from} to ${gap.to} were removed by retention`)]),
  ...items.map((event) => lineOf(cli, event)),
];

const lineOf = (cli: Cli, event: DeliveryEventInfo): string =>
  [
    cli.colors.dim(String(event.seq)),
    formatInstant(event.at),
    event.kind,
    cell(event.itemId),
    `${event.runId}/${cell(event.step)}`,
    cell(event.reason),
    event.attempts === undefined ? '' : `attempts ${event.attempts}`,
    event.ageMs === undefined ? '' : `after ${formatDuration(event.ageMs)}`,
  ]
    .filter((part) => part !== '')
    .join('  ');
