import { DomainError } from '@skein/domain';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { formatInstant } from '../render/format.ts';
import { figure } from '../render/render-rollout.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly scorer?: string;
  readonly value?: number;
  readonly agent?: string;
  readonly step?: string;
  readonly reason?: string;
}

/** `skein score RUN --scorer S --value X`: gives a run a score; `skein score RUN`: lists those that it has. */
export const addScoreCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('score', 'give a run a score, or list the scores that it has')
      .argument('<run>', runText)
      .option('--scorer <id>', 'who scores; each scorer scores once')
      .option('--value <number>', 'from 0 to 1, higher is better', Number)
      .option('--agent <agent>', 'whose part in the run; needed when it used several agents')
      .option('--step <step>', 'only this step')
      .option('--reason <text>', 'why')
      .action(async (run: string, { scorer, value, agent, step, reason, ...options }: Options) => {
        if ((scorer === undefined) !== (value === undefined)) {
          throw new DomainError('invalid_argument', 'a score has a --scorer and a --value');
        }
        if (value !== undefined && !(value >= 0 && value <= 1)) {
          throw new DomainError('invalid_argument', '--value must be a number from 0 to 1');
        }
        const client = await connect(cli, options);
        const runId = await resolveRun(client, run);
        if (scorer === undefined || value === undefined) {
          const items = await client.scores.list(runId);
          answer(cli, options.json, { items }, () =>
            renderTable(
              cli.colors,
              ['scorer', 'agent', 'step', 'score', 'by', 'at (UTC)', 'why'],
              items.map((score) => [
                cell(score.scorer),
                cell(score.agentId),
                cell(score.step),
                figure(score.value),
                cell(score.by),
                formatInstant(score.at),
                cell(score.reason),
              ]),
              'no scores',
            ),
          );
          return;
        }
        const posted = await client.scores.post(runId, {
          scorer,
          value,
          ...(agent === undefined ? {} : { agentId: agent }),
          ...(step === undefined ? {} : { step }),
          ...(reason === undefined ? {} : { reason }),
        });
        if (posted.why !== undefined) cli.note(`${cli.colors.yellow('warning')} ${cell(posted.why)}`);
        answer(cli, options.json, posted, () => {
          const { score, recorded, counted } = posted;
          const known = recorded ? '' : ' already, which stays';
          return `${cell(score.scorer)} ${figure(score.value)} for ${cell(score.agentId)} in ${score.runId}${known}${counted ? ', counted by its rollout' : ''}`;
        });
      }),
  );
};
