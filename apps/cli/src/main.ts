import { createCli, isInteractive } from './cli/cli.ts';
import { runCli } from './cli/run-cli.ts';
import { readConfig } from './config.ts';

const interactive = isInteractive(process.stdout);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

// A reader that has enough, like `head`, is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});

const cli = createCli({
  config: readConfig(process.env, interactive),
  cwd: process.cwd(),
  interactive,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
});

process.exitCode = await runCli(cli, process.argv.slice(2));
