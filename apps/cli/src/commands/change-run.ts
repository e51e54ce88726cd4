import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { paintStatus } from '../render/render-run.ts';

/** `skein cancel RUN`. */
export const addCancelCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('cancel', 'cancel a run')
      .argument('<run>', 'run id')
      .option('-m, --message <text>', 'why')
      .action(async (runId: string, options: AnswerOptions & { readonly message?: string }) => {
        const run = await (await connect(cli, options)).runs.cancel(runId, options.message);
        answer(cli, options.json, run, () => `${run.runId} ${paintStatus(cli.colors, run.status)}`);
      }),
  );
};

/** `skein retry RUN`. */
export const addRetryCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('retry', 'start a new run that keeps what succeeded in this one')
      .argument('<run>', 'run id')
      .option('--latest', "take today's DAG and agent versions")
      .action(async (runId: string, options: AnswerOptions & { readonly latest?: boolean }) => {
        const client = await connect(cli, options);
        const run = await client.runs.retry(runId, { latest: options.latest === true });
        answer(cli, options.json, run, () => run.runId);
      }),
  );
};
