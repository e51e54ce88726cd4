import { createCli, isInteractive } from './cli/cli.ts';
import { exitCodes } from './cli/exit-code.ts';
import { runCli } from './cli/run-cli.ts';
import { readConfig } from './config.ts';

const interactive = isInteractive(process.stdout);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

const cli = createCli({
  // A copy: commands that start processes take the credentials out of their own environment.
  config: readConfig({ ...process.env }, interactive),
  cwd: process.cwd(),
  interactive,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
});

// A reader that has enough, like `head`, is not a failure; an answer that got lost for another reason is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  const enough = error.code === 'EPIPE';
  if (!enough) cli.note(`error the answer could not be written (${error.code ?? 'unknown'})`);
  const code = enough ? exitCodes.ok : exitCodes.failed;
  if (!cli.hasProcesses) process.exit(code);
  process.exitCode = code;
  interrupt.abort();
});
process.stderr.on('error', () => undefined);

const exitCode = await runCli(cli, process.argv.slice(2));
process.exitCode ??= exitCode;
