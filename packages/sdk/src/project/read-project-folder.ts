import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import type { ApplyFile } from '../wire.ts';

/** The folders and files of a project; anything else in its directory is none of its business. */
const folders = ['agents', 'dags', 'memory', 'models', 'skills', 'souls'];
const files = ['skein.yaml', 'skein.yml'];

/** What never belongs to a project, wherever it lies. */
const skipped = new Set(['.git', 'node_modules', '__pycache__', '.DS_Store']);

/** Largest project in bytes, all files together. */
const maxProjectBytes = 14 * 1024 * 1024;

/**
 * The files of a project folder, sorted by path. A `dags/` folder alone is a project. Symbolic links are not followed.
 * Throws `invalid_argument` when the folder is no project, `too_large` past 14 MiB.
 */
export const readProjectFolder = async (dir: string): Promise<readonly ApplyFile[]> => {
  const found: ApplyFile[] = [];
  const budget = { left: maxProjectBytes };
  for (const entry of await list(dir)) {
    if (entry.isDirectory() && folders.includes(entry.name)) await readTree(dir, entry.name, found, budget);
    else if (entry.isFile() && files.includes(entry.name)) found.push(await readOne(dir, entry.name, budget));
  }
  if (found.length === 0) {
    throw new DomainError('invalid_argument', `${dir} is no project: it has neither skein.yaml nor a dags/ folder`, {
      problems: [
        { message: 'no project files', file: dir, expected: 'dags/*.yaml, agents/, skills/, souls/, models/' },
      ],
    });
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
};

const list = async (dir: string) => {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? 'unknown'})`;
    throw new DomainError('invalid_argument', `the project folder ${dir} ${reason}`, undefined, error);
  }
};

const readTree = async (root: string, path: string, found: ApplyFile[], budget: { left: number }): Promise<void> => {
  for (const entry of await list(join(root, path))) {
    if (skipped.has(entry.name)) continue;
    const inner = `${path}/${entry.name}`;
    if (entry.isDirectory()) await readTree(root, inner, found, budget);
    else if (entry.isFile()) found.push(await readOne(root, inner, budget));
  }
};

const readOne = async (root: string, path: string, budget: { left: number }): Promise<ApplyFile> => {
  const { mode, size } = await stat(join(root, path));
  budget.left -= size;
  if (budget.left < 0) {
    throw new DomainError('too_large', `the project in ${root} is larger than ${maxProjectBytes} bytes`, {
      limit: maxProjectBytes,
    });
  }
  return { path, mode: mode & 0o777, bytes: new Uint8Array(await readFile(join(root, path))) };
};
