import { Command, InvalidArgumentError, Option } from 'commander';
import type { Cli } from './cli.ts';
import type { ConnectOptions } from './find-endpoint.ts';

/** Options of every command that answers. */
export interface AnswerOptions extends ConnectOptions {
  readonly json?: boolean;
}

/** A command that talks to a coordinator: where it is, and `--json`. */
export const remoteCommand = (name: string, summary: string): Command =>
  localCommand(name, summary)
    .addOption(new Option('--url <url>', 'address of the coordinator (SKEIN_URL)'))
    .addOption(new Option('--token <token>', 'API token (SKEIN_TOKEN)'))
    .addOption(new Option('--ca <file>', 'certificate of the authority to trust for https (SKEIN_CA_FILE)'))
    .addOption(new Option('--data <dir>', 'data folder with endpoint.json (SKEIN_DATA)'))
    .addOption(new Option('--project <dir>', 'project whose .skein folder has endpoint.json'));

/** A command that needs no coordinator. */
export const localCommand = (name: string, summary: string): Command =>
  new Command(name).summary(summary).description(summary).option('--json', 'answer as JSON');

/** Describes the argument that names a run. */
export const runText = 'run id, or a beginning of it with at least 8 characters after run_';

/** Describes the argument that names a step. */
export const stepText = 'step id, an item like triage[3], or a handler like @failure';

/** Adds a command to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;

/** Number of an option; commander shows the message as a usage error. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
