import { createCli } from '../src/cli/cli.ts';
import { runCli } from '../src/cli/run-cli.ts';
import { readConfig } from '../src/config.ts';

/** Surroundings of a command line that keep what it says. */
export const captureCli = (
  options: {
    readonly env?: { readonly [name: string]: string | undefined };
    readonly cwd?: string;
    readonly terminal?: boolean;
  } = {},
) => {
  const abort = new AbortController();
  const said = { out: '', err: '' };
  const cli = createCli({
    config: readConfig(options.env ?? {}, false),
    cwd: options.cwd ?? process.cwd(),
    interactive: false,
    stdout: {
      isTTY: options.terminal === true,
      write: (chunk) => (said.out += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()),
    },
    stderr: { write: (chunk) => (said.err += chunk) },
    signal: abort.signal,
  });
  return { cli, said, abort };
};

/** Runs one command line; what it wrote and how it ended. `interrupt` is Ctrl-C. */
export const runCommand = async (
  args: readonly string[],
  options: {
    readonly env?: { readonly [name: string]: string | undefined };
    readonly cwd?: string;
    readonly interrupt?: AbortSignal;
    readonly terminal?: boolean;
  } = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  const { cli, said, abort } = captureCli(options);
  options.interrupt?.addEventListener('abort', () => abort.abort());
  const code = await runCli(cli, args);
  return { code, ...said };
};
