import { resolve } from 'node:path';
import { isDomainError } from '@skein/domain';
import { renderProblem } from '@skein/language';
import { type ApplyOutcome, readProjectFolder } from '@skein/sdk';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { reportError } from '../cli/report-error.ts';
import { shortDigest } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Options extends AnswerOptions {
  readonly dryRun?: boolean;
  readonly activate?: boolean;
}

/** `skein apply [DIR]`: publishes agents and DAGs, all or nothing. */
export const addApplyCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('apply', 'publish the agents and DAGs of a project')
      .argument('[dir]', 'project folder')
      .option('--dry-run', 'say what would change, change nothing')
      .option('--activate', 'make the published agent versions the active ones')
      .action(async (dir: string | undefined, options: Options) => {
        const folder = resolve(cli.cwd, dir ?? options.project ?? '.');
        const files = await readProjectFolder(folder);
        const client = await connect(cli, options);
        try {
          const outcome = await client.apply({
            files,
            autoModel: cli.config.autoModel,
            activate: options.activate === true,
            dryRun: options.dryRun === true,
          });
          answer(cli, options.json, outcome, () => renderApply(cli, outcome));
        } catch (error) {
          reportError(cli, error);
          // The project is wrong, not the call.
          if (isDomainError(error) && error.code === 'invalid_argument') cli.exitCode = exitCodes.failed;
        }
      }),
  );
};

/** What an apply did, for people. */
export const renderApply = (cli: Pick<Cli, 'colors'>, outcome: ApplyOutcome): string => {
  const { colors } = cli;
  const rows = [
    ...outcome.dags.map((dag) => ['DAG', cell(dag.name), dag.change, shortDigest(dag.digest)]),
    ...outcome.agents.map((agent) => [
      'agent',
      cell(agent.agentId),
      `${agent.created ? 'new version' : 'unchanged'} ${agent.alias}${agent.activated ? ', active' : ''}`,
      shortDigest(agent.versionId),
    ]),
  ];
  const warnings = outcome.warnings.map((problem) => `${colors.yellow('warning')} ${renderProblem(problem)}`);
  const note = outcome.dryRun ? [colors.dim('dry run: nothing was changed')] : [];
  return [renderTable(colors, ['kind', 'name', 'change', 'digest'], rows), ...warnings, ...note].join('\n');
};
