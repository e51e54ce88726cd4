import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { createProgram } from './create-program.ts';
import { exitCodes } from './exit-code.ts';
import { reportError } from './report-error.ts';

/** Runs one command line; gives its exit code. Never throws. */
export const runCli = async (cli: Cli, args: readonly string[], version = '0.1.0'): Promise<number> => {
  try {
    await createProgram(cli, version).parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are answers; everything else that commander says is about how the command was called.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    reportError(cli, error);
  }
  return cli.exitCode;
};
