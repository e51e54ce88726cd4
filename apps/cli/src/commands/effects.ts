import type { EffectInfo } from '@skein/sdk';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein effects RUN`. */
export const addEffectsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('effects', "list a run's effects: tool calls that are not read-only, and what is known of them")
      .argument('<run>', runText)
      .action(async (run: string, options: AnswerOptions) => {
        const client = await connect(cli, options);
        const items = await client.runs.effects(await resolveRun(client, run));
        answer(cli, options.json, { items }, () =>
          renderTable(
            cli.colors,
            ['step', 'round', 'turn', 'tool', 'input', 'class', 'status', 'attempt', 'planned (UTC)', 'key'],
            items.map((effect) => [
              cell(effect.step),
              String(effect.round),
              effect.thread === '' ? String(effect.turn) : `${effect.thread}/${effect.turn}`,
              cell(effect.tool),
              cell(shortInput(effect.input)),
              effect.class,
              statusText(cli, effect),
              String(effect.attempt),
              formatInstant(effect.plannedAt),
              cell(effect.key),
            ]),
            'no effects',
          ),
        );
      }),
  );
};

const maxInput = 60;

/** Enough of a call to know which it was; `--json` has all of it. */
const shortInput = (input: EffectInfo['input']): string => {
  if (input === undefined) return '';
  const text = JSON.stringify(input);
  return text.length <= maxInput ? text : `${text.slice(0, maxInput - 1)}…`;
};

const statusText = (cli: Cli, { status, isError, settled }: EffectInfo): string => {
  if (status === 'unknown') return cli.colors.red(status);
  if (status === 'planned') return cli.colors.cyan(status);
  const notes = [isError === true ? 'error' : '', settled ?? ''].filter((note) => note !== '');
  return notes.length === 0 ? status : `${status} (${notes.join(', ')})`;
};
