import { readFile, stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { DomainError, type Problem } from '@skein/domain';
import { createProjectReader, parseDag, renderProblem } from '@skein/language';
import { readProjectFolder } from '@skein/sdk';
import { createHasher } from '@skein/telemetry';
import type { Cli } from '../cli/cli.ts';
import { type AddCommand, localCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';

interface Verdict {
  readonly dags: number;
  readonly agents: number;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** `skein validate [DIR|FILE]`: checks a project, or one DAG file, without a coordinator. */
export const addValidateCommand: AddCommand = (program, cli) => {
  program.addCommand(
    localCommand('validate', 'check a project or a DAG file; needs no coordinator')
      .argument('[path]', 'project folder or DAG file', '.')
      .action(async (path: string, options: { readonly json?: boolean }) => {
        const verdict = await judge(cli, resolve(cli.cwd, path));
        const { problems, warnings } = verdict;
        if (problems.length > 0) cli.exitCode = exitCodes.failed;
        if (options.json === true) {
          cli.out(JSON.stringify({ ok: problems.length === 0, ...verdict }, null, 2));
          return;
        }
        for (const problem of problems) cli.out(`${cli.colors.red('error')} ${renderProblem(problem)}`);
        for (const problem of warnings) cli.out(`${cli.colors.yellow('warning')} ${renderProblem(problem)}`);
        if (problems.length > 0) cli.out(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
        else cli.out(`${cli.colors.green('ok')} ${counted(verdict.dags, 'DAG')}, ${counted(verdict.agents, 'agent')}`);
      }),
  );
};

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const judge = async (cli: Cli, path: string): Promise<Verdict> => {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new DomainError('invalid_argument', `${path} does not exist`);
  if (found.isFile()) {
    const read = parseDag(await readFile(path, 'utf8'), relative(cli.cwd, path));
    return read.ok
      ? { dags: 1, agents: 0, problems: [], warnings: [] }
      : { dags: 0, agents: 0, problems: read.error, warnings: [] };
  }
  const files = await readProjectFolder(path);
  const read = createProjectReader({ hasher: createHasher() }).read(
    files.map(({ path: name, mode, bytes }) => ({ path: name, mode: mode ?? 0o644, bytes })),
    cli.config.autoModel,
  );
  if (!read.ok) return { dags: 0, agents: 0, problems: read.error, warnings: [] };
  const { dags, agents, warnings, judges = [] } = read.value;
  // They may be published already; only an apply can tell.
  const doubts = judges.map(({ problem }) => problem);
  return { dags: dags.length, agents: agents.length, problems: [], warnings: [...warnings, ...doubts] };
};
