import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError, utf8Length } from '@skein/domain';
import { staysInside, type TreeEntry, tooLarge, treeLimits } from './tree-listing.ts';

/** What stands in a directory: entries that are complete, and files whose content is still to be read. */
export interface WalkedTree {
  readonly entries: TreeEntry[];
  readonly files: { readonly path: string; readonly mode: number; readonly stats: BigIntStats }[];
  /** Sum of the sizes of the files. */
  readonly bytes: number;
}

/**
 * All that is below `root`; links are not followed. Throws `too_large`, and `unprocessable` for what cannot be kept
 * (a socket, a device, a link that leads out, a name that is no UTF-8, something that may not be read).
 */
export const walkTree = async (root: string, signal: AbortSignal): Promise<WalkedTree> => {
  const entries: TreeEntry[] = [];
  const files: WalkedTree['files'] = [];
  let bytes = 0;
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const within = folder;
    const names = await readdir(join(root, within));
    for await (const [name, stats] of statsOf(join(root, within), names, signal)) {
      const path = within === '' ? name : `${within}/${name}`;
      checkPath(path, name);
      const mode = Number(stats.mode & 0o777n);
      if (stats.isDirectory()) {
        entries.push({ path, kind: 'dir', mode });
        folders.push(path);
      } else if (stats.isSymbolicLink()) entries.push({ path, kind: 'link', target: await targetOf(root, path) });
      else if (stats.isFile()) {
        const size = Number(stats.size);
        bytes += size;
        if (size > treeLimits.maxFileBytes)
          throw tooLarge('a file of the working tree is too large', treeLimits.maxFileBytes, size);
        if (bytes > treeLimits.maxBytes) throw tooLarge('the working tree is too large', treeLimits.maxBytes, bytes);
        files.push({ path, mode, stats });
      } else throw new DomainError('unprocessable', 'the working tree holds something that is no file');
      const count = entries.length + files.length;
      if (count > treeLimits.maxEntries)
        throw tooLarge('the working tree has too many files', treeLimits.maxEntries, count);
    }
  }
  return { entries, files, bytes };
};

/** Asked at a time: one after the other, large trees would take several times as long. */
const statsAtOnce = 64;

async function* statsOf(
  folder: string,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<readonly [string, BigIntStats]> {
  for (let at = 0; at < names.length; at += statsAtOnce) {
    signal.throwIfAborted();
    const some = names.slice(at, at + statsAtOnce);
    const stats = await Promise.all(some.map((name) => lstat(join(folder, name), { bigint: true })));
    for (const [place, name] of some.entries()) yield [name, stats[place] as BigIntStats];
  }
}

const checkPath = (path: string, name: string): void => {
  if (name.includes('\ufffd')) throw new DomainError('unprocessable', 'a name in the working tree is no UTF-8');
  const isTooLong = utf8Length(path) > treeLimits.maxPathBytes || path.split('/').length > treeLimits.maxDepth;
  if (isTooLong) throw tooLarge('a path in the working tree is too long', treeLimits.maxPathBytes, utf8Length(path));
};

const targetOf = async (root: string, path: string): Promise<string> => {
  const target = await readlink(join(root, path));
  if (!staysInside(path, target)) throw new DomainError('unprocessable', 'a link of the working tree leads out of it');
  return target;
};
