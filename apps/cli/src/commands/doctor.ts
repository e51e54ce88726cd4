import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDomainError } from '@skein/domain';
import type { Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect, findEndpoint } from '../cli/find-endpoint.ts';
import { safeText } from '../render/format.ts';
import { missingPrograms } from '../up/program-paths.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** A failed check that does not make the doctor fail. */
  readonly optional?: boolean;
}

/** `skein doctor`: what this machine lacks, and whether the coordinator is well. */
export const addDoctorCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('doctor', 'check this machine and the coordinator').action(async (options: AnswerOptions) => {
      const checks = [...localChecks(cli), ...(await remoteChecks(cli, options))];
      const ok = checks.every((check) => check.ok || check.optional === true);
      if (options.json === true) cli.out(JSON.stringify({ ok, checks }, null, 2));
      else {
        const { colors } = cli;
        const mark = (check: Check) =>
          check.ok ? colors.green('ok  ') : check.optional === true ? colors.yellow('note') : colors.red('bad ');
        for (const check of checks) cli.out(`${mark(check)} ${check.name.padEnd(12)} ${check.detail}`);
      }
      const reached = checks.find((check) => check.name === 'coordinator')?.ok !== false;
      if (!ok) cli.exitCode = reached ? exitCodes.failed : exitCodes.unreachable;
    }),
  );
};

/** Runs whose log is damaged: they are set aside, and do not make the coordinator less ready. */
const quarantine = (runs: { readonly ok: boolean; readonly detail?: string } | undefined): readonly Check[] => {
  if (runs?.detail === undefined || !runs.detail.startsWith('not driven')) return [];
  return [{ name: 'runs', ok: false, optional: true, detail: safeText(runs.detail) }];
};

const localChecks = (cli: Cli): readonly Check[] => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const git = spawnSync('git', ['--version'], { encoding: 'utf8' });
  const missing = missingPrograms();
  const { provider, model } = cli.config.autoModel;
  return [
    {
      name: 'node',
      ok: major > 20 || (major === 20 && minor >= 19),
      detail: `${process.versions.node} (20.19 or newer)`,
    },
    {
      name: 'build',
      ok: missing.length === 0,
      detail: missing.length === 0 ? 'all programs are built' : `not built: ${missing.join(', ')}; run npm run build`,
    },
    {
      name: 'git',
      optional: true,
      ok: git.status === 0,
      detail: git.status === 0 ? git.stdout.trim() : 'not found; the examples that read a repository need it',
    },
    {
      name: 'model',
      optional: true,
      ok: provider !== 'offline',
      detail:
        provider === 'offline'
          ? 'no API key is set: provider auto means the rule-based offline model'
          : `provider auto means ${provider} ${model}`,
    },
  ];
};

/** The process that has the data folder, when the coordinator was found in one. */
const pidText = async (cli: Cli, options: AnswerOptions): Promise<string> => {
  const { folder } = await findEndpoint(cli, options);
  if (folder === undefined) return '';
  const pid = (await readFile(join(folder, 'lock.pid'), 'utf8').catch(() => '')).trim();
  return /^\d+$/.test(pid) ? `, pid ${pid}` : '';
};

const remoteChecks = async (cli: Cli, options: AnswerOptions): Promise<readonly Check[]> => {
  try {
    const client = await connect(cli, options);
    const { status, checks } = await client.readiness();
    const bad = Object.entries(checks).filter(([, check]) => !check.ok);
    const found = bad.map(([name, { detail }]) => (detail === undefined ? name : `${name} (${safeText(detail)})`));
    const workers = await client.workers.list();
    const connected = workers.filter((worker) => worker.state === 'connected').length;
    return [
      { name: 'coordinator', ok: true, detail: `${client.url}${await pidText(cli, options)}` },
      { name: 'readiness', ok: status === 'ready', detail: [status, ...found].join(' ') },
      ...quarantine(checks['runs']),
      { name: 'workers', ok: connected > 0, optional: true, detail: `${connected} connected` },
    ];
  } catch (error) {
    return [{ name: 'coordinator', ok: false, detail: isDomainError(error) ? error.message : String(error) }];
  }
};
