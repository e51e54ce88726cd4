import { createCli, isInteractive } from '../cli/cli.ts';
import { reportError } from '../cli/report-error.ts';
import { readConfig } from '../config.ts';
import { runQuickstart } from './run-quickstart.ts';

/** The quickstart after installing and building; `beganAt` is when all of it began, in ms. Gives the exit code. */
export const quickstart = async (args: readonly string[], beganAt: number): Promise<number> => {
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
    await runQuickstart(cli, args, beganAt);
  } catch (error) {
    reportError(cli, error);
  }
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  return cli.exitCode;
};
