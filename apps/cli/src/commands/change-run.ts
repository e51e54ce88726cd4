import { DomainError, isTerminalRun, type RunView } from '@skein/domain';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { untilEnded, type WaitOptions, waitForRun } from '../follow/wait-for-run.ts';
import { warnOfUnknown } from '../follow/warn-of-unknown.ts';
import { paintStatus } from '../render/render-run.ts';

/** `skein cancel RUN`. */
export const addCancelCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('cancel', 'cancel a run')
      .argument('<run>', runText)
      .option('-m, --message <text>', 'why')
      .option('--wait', 'wait until the run has ended')
      .action(async (text: string, options: AnswerOptions & { readonly message?: string; readonly wait?: boolean }) => {
        const client = await connect(cli, options);
        const runId = await resolveRun(client, text);
        const asked = await client.runs.cancel(runId, options.message);
        const run = options.wait === true ? await untilEnded(cli, client, runId) : asked;
        answer(cli, options.json, run, () => `cancel of ${run.runId} asked for; ${stateOf(cli, run)}`);
        // Ctrl-C came first.
        if (options.wait === true && !isTerminalRun(run.status)) cli.exitCode = exitCodes.failed;
      }),
  );
};

/** Whether the cancel has arrived everywhere. */
const stateOf = (cli: Cli, run: RunView): string => {
  const status = paintStatus(cli.colors, run.status);
  if (isTerminalRun(run.status)) return `it is ${status}`;
  const { length } = run.steps.filter((step) => step.status === 'running');
  return `it is ${status}, ${length === 1 ? '1 step is' : `${length} steps are`} still running`;
};

/** `skein retry RUN`. */
export const addRetryCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('retry', 'start a new run that keeps what succeeded in this one')
      .argument('<run>', runText)
      .option('--latest', "take today's DAG and agent versions")
      .option('--same-versions', 'keep the agent versions of the run, also those that were rolled back meanwhile')
      .option('--wait', 'wait until the new run has ended')
      .option('--follow', 'wait, and show how it goes')
      .action(
        async (text: string, options: WaitOptions & { readonly latest?: boolean; readonly sameVersions?: boolean }) => {
          if (options.latest === true && options.sameVersions === true) {
            throw new DomainError('invalid_argument', '--latest and --same-versions exclude each other');
          }
          const client = await connect(cli, options);
          const from = await resolveRun(client, text);
          const run = await client.runs.retry(from, {
            latest: options.latest === true,
            ...(options.sameVersions === true ? { sameVersions: true } : {}),
          });
          await warnOfUnknown(cli, client, from);
          if (options.wait === true || options.follow === true) await waitForRun(cli, client, run.runId, options);
          else answer(cli, options.json, run, () => run.runId);
        },
      ),
  );
};
