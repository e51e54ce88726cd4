import { isTerminalRun, type RunView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import { answer, type Cli } from '../cli/cli.ts';
import type { AnswerOptions } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { renderRun } from '../render/render-run.ts';
import { followRun } from './follow-run.ts';
import { patiently } from './patiently.ts';
import { showProgress } from './show-progress.ts';

/** Options of commands that wait for the end of a run. */
export interface WaitOptions extends AnswerOptions {
  readonly wait?: boolean;
  readonly follow?: boolean;
}

/** Waits for the end of a run, showing how it goes with `follow`; answers with the run and fails when it did not succeed. */
export const waitForRun = async (
  cli: Cli,
  client: SkeinClient,
  runId: string,
  options: WaitOptions,
): Promise<RunView> => {
  const json = options.json === true;
  if (options.follow === true) {
    if (!json) cli.note(cli.colors.dim(runId));
    const runs = {
      get: (id: string) => patiently(() => client.runs.get(id), cli.signal),
      watch: (id: string, watching?: Parameters<typeof client.runs.watch>[1]) => client.runs.watch(id, watching),
    };
    await showProgress(cli, followRun(runs, runId, { signal: cli.signal }), json);
  }
  const last = await untilEnded(cli, client, runId);
  answer(cli, options.json, last, () => renderRun(cli.colors, last, Date.now()));
  if (last.status !== 'succeeded') cli.exitCode = exitCodes.failed;
  return last;
};

/** The run when it has ended, or as it is when Ctrl-C was pressed: the run goes on without us. */
export const untilEnded = async (cli: Cli, client: SkeinClient, runId: string): Promise<RunView> => {
  for (;;) {
    if (cli.signal.aborted) return client.runs.get(runId);
    try {
      const run = await patiently(() => client.runs.get(runId, { waitMs: 30_000, signal: cli.signal }), cli.signal);
      if (isTerminalRun(run.status)) return run;
    } catch (error) {
      if (!cli.signal.aborted) throw error;
    }
  }
};
