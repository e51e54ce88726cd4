import { DomainError } from '@skein/domain';
import { createCron } from '@skein/language';
import type { Cron } from '@skein/ports';
import { Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly count: number;
  readonly from?: string;
}

/** `skein schedule next [DAG]`: the fire times to come. */
export const addScheduleCommand: AddCommand = (program, cli) => {
  const next = remoteCommand('next', 'show when schedules fire next')
    .argument('[dag]', 'only of this DAG')
    .addOption(new Option('-n, --count <n>', 'fires of each schedule').argParser(wholeNumber(1, 1_000)).default(5))
    .option('--from <instant>', 'as seen from this ISO 8601 instant, instead of now')
    .action(async (dag: string | undefined, options: Options) => {
      const fromMs = options.from === undefined ? Date.now() : Date.parse(options.from);
      if (Number.isNaN(fromMs)) throw new DomainError('invalid_argument', '--from must be an ISO 8601 instant');
      const client = await connect(cli, options);
      const schedules = (await client.schedules.list()).filter((schedule) => dag === undefined || schedule.dag === dag);
      const cron = createCron();
      const items = schedules.map((schedule) => ({
        ...schedule,
        next: nextFires(cron, schedule.cron, schedule.timeZone, fromMs, options.count),
      }));
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['DAG', 'schedule', 'zone', 'next (UTC)'],
          items.flatMap(({ dag: name, cron: line, timeZone, next: fires }) =>
            fires.map((at) => [cell(name), cell(line), timeZone, formatInstant(at)]),
          ),
          'no schedules',
        ),
      );
    });
  program.command('schedule').summary('preview schedules').description('preview schedules').addCommand(next);
};

/** The next fires after an instant, as ISO 8601. */
export const nextFires = (
  cron: Cron,
  line: string,
  timeZone: string,
  fromMs: number,
  count: number,
): readonly string[] => {
  const fires: string[] = [];
  let at: number | undefined = fromMs;
  while (fires.length < count) {
    at = cron.nextFire(line, timeZone, at);
    if (at === undefined) break;
    fires.push(new Date(at).toISOString());
  }
  return fires;
};
