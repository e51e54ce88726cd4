import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DomainError } from '@skein/domain';

/** What the quickstart was asked for. */
export interface QuickstartOptions {
  readonly repo: string;
  /** How many commits, newest first. */
  readonly last: number;
  readonly json: boolean;
  readonly keep: boolean;
}

/** Commits when `--last` is not given. */
const defaultLast = 60;

/** Throws `invalid_argument` for flags that are wrong. */
export const readOptions = (args: readonly string[], cwd: string, clone: string): QuickstartOptions => {
  let values: { repo?: string; last?: string; json?: boolean; keep?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        repo: { type: 'string' },
        last: { type: 'string' },
        json: { type: 'boolean' },
        keep: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new DomainError('invalid_argument', error instanceof Error ? error.message : 'the flags cannot be read');
  }
  if (values.last !== undefined && !/^[1-9]\d{0,3}$/.test(values.last)) {
    throw new DomainError('invalid_argument', '--last must be a whole number from 1 to 5000');
  }
  const last = values.last === undefined ? undefined : Number(values.last);
  if (last !== undefined && last > 5_000) throw new DomainError('invalid_argument', '--last must be at most 5000');
  const repo = values.repo === undefined ? clone : resolve(cwd, values.repo);
  return {
    repo,
    last: last ?? Math.min(defaultLast, countCommits(repo) ?? defaultLast),
    json: values.json === true,
    keep: values.keep === true,
  };
};

/** Commits that are there; a shallow clone may hold few. Undefined when git cannot say, which the run will explain better. */
const countCommits = (repo: string): number | undefined => {
  const git = spawnSync('git', ['-c', 'safe.directory=*', '-C', repo, 'rev-list', '--count', 'HEAD'], {
    encoding: 'utf8',
  });
  const count = Number(git.status === 0 ? git.stdout.trim() : Number.NaN);
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
};
