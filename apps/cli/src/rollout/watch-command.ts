import { DomainError, isDomainError } from '@skein/domain';
import type { RolloutInfo, SkeinClient } from '@skein/sdk';
import type { Command } from 'commander';
import { answerLine, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { showRollout } from './show-rollout.ts';
import { onAgent } from './with-revision.ts';

/**
 * `skein rollout watch AGENT`: until the rollout has ended. It ends with 0 when the candidate won, with 1 when it was taken back, when the
 * rollout was cancelled, and after Ctrl-C. With `--json` one record per line.
 */
export const watchCommand = (cli: Cli): Command =>
  remoteCommand('watch', 'show how the rollout of an agent goes, until it has ended')
    .argument('<agent>', 'agent id')
    .action(async (agentId: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      const last = await onAgent(client, agentId, async () => {
        const views = untilInterrupted(cli, client, agentId);
        return options.json === true ? printAll(cli, views) : showRollout(cli, client, views);
      });
      if (last?.status !== 'completed') cli.exitCode = exitCodes.failed;
    });

const printAll = async (cli: Cli, views: AsyncIterable<RolloutInfo>): Promise<RolloutInfo | undefined> => {
  let last: RolloutInfo | undefined;
  for await (const view of views) {
    last = view;
    answerLine(cli, view);
  }
  return last;
};

/** The views of a rollout; Ctrl-C ends them, and the rollout goes on without us. */
async function* untilInterrupted(cli: Cli, client: SkeinClient, agentId: string): AsyncGenerator<RolloutInfo> {
  try {
    yield* client.rollouts.watch(agentId, { signal: cli.signal });
  } catch (error) {
    if (cli.signal.aborted) return;
    if (!isDomainError(error) || error.code !== 'not_found') throw error;
    throw new DomainError(
      'not_found',
      `${error.message}; "skein rollout list" shows those that were`,
      error.details,
      error,
    );
  }
}
