import { readConfig } from '../config.ts';
import { type Cli, createCli, isInteractive } from './cli.ts';
import { reportError } from './report-error.ts';

/** Runs a program that npm scripts start, with the terminal, settings and signals of this process. Gives the exit code. */
export const runProgram = async (work: (cli: Cli) => Promise<void>): Promise<number> => {
  const interactive = isInteractive(process.stdout);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const cli = createCli({
    config: readConfig(process.env, interactive),
    // npm changes into the package; relative paths are meant from where npm was called.
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    interactive,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupt.signal,
  });
  try {
    await work(cli);
  } catch (error) {
    reportError(cli, error);
  }
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  return cli.exitCode;
};
