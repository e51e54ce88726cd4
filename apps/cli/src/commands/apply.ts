import { resolve } from 'node:path';
import { DomainError, isDomainError } from '@skein/domain';
import { readProjectFolder } from '@skein/sdk';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { reportError } from '../cli/report-error.ts';
import { renderApply } from '../render/render-plan.ts';

interface Options extends AnswerOptions {
  readonly dryRun?: boolean;
  readonly activate?: boolean;
  readonly candidate?: boolean;
}

/** `skein apply [DIR]`: publishes agents and DAGs, all or nothing, and shows what changed. */
export const addApplyCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('apply', 'publish the agents and DAGs of a project, and show what changes')
      .argument('[dir]', 'project folder')
      .option('--dry-run', 'show what would change, change nothing')
      .option('--activate', 'make the published agent versions the active ones')
      .option('--candidate', 'name the published agent versions the candidates of their agents')
      .action(async (dir: string | undefined, options: Options) => {
        if (options.activate === true && options.candidate === true) {
          throw new DomainError(
            'invalid_argument',
            'a version is published to be active or to be a candidate, not both',
          );
        }
        const folder = resolve(cli.cwd, dir ?? options.project ?? '.');
        const files = await readProjectFolder(folder);
        const client = await connect(cli, options);
        try {
          const outcome = await client.apply({
            files,
            autoModel: cli.config.autoModel,
            activate: options.activate === true,
            candidate: options.candidate === true,
            dryRun: options.dryRun === true,
          });
          answer(cli, options.json, outcome, () => renderApply(cli.colors, outcome));
        } catch (error) {
          reportError(cli, error);
          // The project is wrong, not the call.
          if (isDomainError(error) && error.code === 'invalid_argument') cli.exitCode = exitCodes.failed;
        }
      }),
  );
};
