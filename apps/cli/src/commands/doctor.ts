import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dag, isDomainError } from '@skein/domain';
import { createClient, type SkeinClient } from '@skein/sdk';
import type { Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { findEndpoint, readAuthority, urlsOf } from '../cli/find-endpoint.ts';
import type { Check } from '../doctor/check.ts';
import { type Deployment, judgeDeployment } from '../doctor/judge-deployment.ts';
import { type Look, lookAtCoordinator, patienceMs } from '../doctor/look-at-coordinator.ts';
import { missingPrograms } from '../up/program-paths.ts';

/** `skein doctor`: what this machine lacks, and whether the coordinators and what belongs to them are well. */
export const addDoctorCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('doctor', 'check this machine and the coordinators').action(async (options: AnswerOptions) => {
      const remote = await remoteChecks(cli, options);
      const checks = [...localChecks(cli, remote.isElsewhere), ...remote.checks];
      const ok = checks.every((check) => check.ok || check.optional === true);
      if (options.json === true) cli.out(JSON.stringify({ ok, checks }, null, 2));
      else {
        const { colors } = cli;
        const mark = (check: Check) =>
          check.ok ? colors.green('ok  ') : check.optional === true ? colors.yellow('note') : colors.red('bad ');
        for (const check of checks) {
          cli.out(`${mark(check)} ${check.name.padEnd(12)} ${check.detail}`);
          if (!check.ok && check.fix !== undefined) cli.out(colors.dim(`                  mend: ${check.fix}`));
        }
      }
      const reached = checks.some((check) => check.name === 'coordinator' && check.ok);
      if (!ok) cli.exitCode = reached ? exitCodes.failed : exitCodes.unreachable;
    }),
  );
};

const localChecks = (cli: Cli, isElsewhere: boolean): readonly Check[] => {
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
      // Who only commands a deployment starts nothing here.
      optional: isElsewhere,
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
const pidText = async (folder: string | undefined): Promise<string> => {
  if (folder === undefined) return '';
  const pid = (await readFile(join(folder, 'lock.pid'), 'utf8').catch(() => '')).trim();
  return /^\d+$/.test(pid) ? `, pid ${pid}` : '';
};

interface Remote {
  readonly checks: readonly Check[];
  /** The coordinators are named by their addresses, not by a data folder. */
  readonly isElsewhere: boolean;
}

const remoteChecks = async (cli: Cli, options: AnswerOptions): Promise<Remote> => {
  try {
    const { url, token, caFile, folder } = await findEndpoint(cli, options);
    const ca = caFile === undefined ? undefined : await readAuthority(caFile);
    const access = { ...(token === undefined ? {} : { token }), ...(ca === undefined ? {} : { ca }) };
    const looks = await Promise.all(urlsOf(url).map((each) => lookAtCoordinator(each, access)));
    const asked = await askFleet(looks, access);
    const pid = await pidText(folder);
    const checks = judgeDeployment({ looks, ...asked, now: Date.now() });
    const named = checks.map((check) =>
      check.name === 'coordinator' && check.ok ? { ...check, detail: check.detail + pid } : check,
    );
    return { checks: named, isElsewhere: folder === undefined };
  } catch (error) {
    const detail = isDomainError(error) ? error.message : String(error);
    return { checks: [{ name: 'coordinator', ok: false, detail }], isElsewhere: false };
  }
};

/** What the coordinators know of others: asked of those that are ready, or, when none is, of those that answer. */
const askFleet = async (
  looks: readonly Look[],
  access: { readonly token?: string; readonly ca?: string },
): Promise<Pick<Deployment, 'workers' | 'workersError' | 'dags'>> => {
  const reached = looks.filter(({ readiness }) => readiness !== undefined);
  if (reached.length === 0) return { dags: [] };
  const ready = reached.filter(({ readiness }) => readiness?.status === 'ready');
  const url = (ready.length === 0 ? reached : ready).map((look) => look.url);
  const client = createClient({ url, ...access, retry: { attempts: 1 }, timeoutMs: patienceMs });
  try {
    const workers = await client.workers.list();
    return { workers, dags: await dagsOf(client).catch(() => []) };
  } catch (error) {
    return { workersError: isDomainError(error) ? error.message : String(error), dags: [] };
  }
};

/** More than these are not looked at. */
const maxDags = 200;

const dagsOf = async (client: SkeinClient): Promise<readonly Dag[]> => {
  const dags: Dag[] = [];
  for (const { name } of (await client.dags.list()).slice(0, maxDags)) {
    const found = await client.dags.get(name).catch(() => undefined);
    if (found !== undefined) dags.push(found.dag);
  }
  return dags;
};
