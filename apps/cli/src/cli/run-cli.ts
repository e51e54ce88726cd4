import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { createProgram } from './create-program.ts';
import { exitCodes } from './exit-code.ts';
import { reportError, tell } from './report-error.ts';

/** Runs one command line; gives its exit code. Never throws. */
export const runCli = async (cli: Cli, args: readonly string[], version = '0.1.0'): Promise<number> => {
  cli.json = asksForJson(args);
  try {
    const program = await createProgram(cli, version, args[0]);
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are answers; everything else that commander says is about how the command was called.
      if (error.exitCode === 0) return exitCodes.ok;
      if (cli.json) tell(cli, 'invalid_argument', usageText(error));
      return exitCodes.usage;
    }
    reportError(cli, error);
  }
  return cli.exitCode;
};

/** A wrong call may fail before its options are known, so they are looked for in the words themselves. */
const asksForJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
};

/** What commander says of a wrong call, without its own prefix; where it would print help instead, no command was named. */
const usageText = ({ code, message }: CommanderError): string =>
  code === 'commander.help' ? 'which command is missing; --help lists them' : message.replace(/^error: /, '');
