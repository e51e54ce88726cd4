import { createCli, isInteractive } from '../cli/cli.ts';
import { reportError } from '../cli/report-error.ts';
import { readConfig } from '../config.ts';
import { runDemo } from './run-demo.ts';

/** The demo of rollouts after installing and building; `beganAt` is when all of it began, in ms. Gives the exit code. */
export const demo = async (json: boolean, beganAt: number): Promise<number> => {
  const interactive = isInteractive(process.stdout);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const cli = createCli({
    config: readConfig(process.env, interactive),
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    interactive,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupt.signal,
  });
  try {
    await runDemo(cli, json, beganAt);
  } catch (error) {
    reportError(cli, error);
  }
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  return cli.exitCode;
};
