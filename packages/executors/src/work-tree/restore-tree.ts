import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, DomainError } from '@skein/domain';
import { eachBounded } from './each-bounded.ts';
import { type FileEntry, type TreeEntry, treeLimits } from './tree-listing.ts';

/** How many files are fetched at a time. */
const width = 8;

/**
 * Makes the empty directory `root` hold these entries (of a checked listing), with every content verified. No path is followed through a
 * link: directories and files come first, links last. Throws `digest_mismatch`, `unprocessable` (the directory is not empty, a file
 * system that refuses), and what `fetch` throws.
 */
export const restoreTree = async (
  root: string,
  entries: readonly TreeEntry[],
  fetch: (digest: Digest) => Promise<Uint8Array>,
  signal: AbortSignal,
): Promise<void> => {
  if ((await readdir(root)).length > 0) throw new DomainError('unprocessable', 'the directory is not empty');
  const folders = entries.filter((entry) => entry.kind === 'dir');
  for (const { path } of folders) await mkdir(join(root, path), { mode: 0o700 });
  const files = entries.filter((entry) => entry.kind === 'file');
  await eachBounded(files, width, async (file) => {
    signal.throwIfAborted();
    await writeFile(join(root, file.path), file, fetch);
  });
  for (const entry of entries) if (entry.kind === 'link') await symlink(entry.target, join(root, entry.path));
  for (const { path, mode } of folders.toReversed()) await chmod(join(root, path), mode);
};

/** Removes all that is below `root`, whatever its permissions. Never throws. */
export const emptyFolder = async (root: string): Promise<void> => {
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name);
    await makeRemovable(path).catch(() => undefined);
    await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }).catch(() => undefined);
  }
};

const makeRemovable = async (path: string): Promise<void> => {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await makeRemovable(join(path, name));
};

const writeFile = async (
  path: string,
  { size, digest, pieces, mode }: FileEntry,
  fetch: (digest: Digest) => Promise<Uint8Array>,
): Promise<void> => {
  const handle = await open(
    path,
    constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    const whole = createHash('sha256');
    let written = 0;
    for (const piece of pieces ?? (digest === undefined ? [] : [digest])) {
      const bytes = await fetch(piece);
      const expected = Math.min(treeLimits.pieceBytes, size - written);
      if (bytes.length !== expected || digestOf(bytes) !== piece) throw damaged(piece);
      whole.update(bytes);
      await handle.writeFile(bytes);
      written += bytes.length;
    }
    if (digest !== undefined && `sha256:${whole.digest('hex')}` !== digest) throw damaged(digest);
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
};

/** `sha256:` and 64 hex digits. */
export const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const damaged = (digest: Digest): DomainError =>
  new DomainError('digest_mismatch', 'a file of the kept tree is damaged', { expected: digest });
