import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, unlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { DomainError } from '@skein/domain';
import type { ReadFile } from '@skein/ports';

// The jail, checked for every call:
// J1 the words of the path stay inside root (relative, no `..`), and root itself is no symbolic link;
// J2 the real folder of the file lies inside the real root, after all symbolic links;
// J3 that folder is then entered name by name without following a link, and the file is opened through the folder that is held:
//    what a command that escaped exchanges between check and use is refused, not followed (Linux; elsewhere J2 alone);
// J4 the file is a regular file before a byte moves; one that has other names is replaced, never written through.

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Reads a text file below `root`; see `ToolHost.readFile`. */
export const readJailedFile = async (root: string, path: string, maxBytes: number): Promise<ReadFile> => {
  const target = insideByWords(root, path);
  const folder = await holdFolder(root, dirname(target), path);
  // Non-blocking, so that a pipe in the place of a file cannot hold the call.
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  const file = await andThen(openFile(folder.child(basename(target)), flags, path), folder.close);
  try {
    const { size: bytes, mode } = await regular(file, path);
    const buffer = Buffer.alloc(Math.min(bytes, maxBytes));
    let filled = 0;
    while (filled < buffer.byteLength) {
      const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const truncated = filled < bytes;
    return { text: decode(buffer.subarray(0, filled), truncated, path), bytes, truncated, mode: mode & 0o777 };
  } finally {
    await file.close();
  }
};

/** Replaces a file below `root`, with its folders; see `ToolHost.writeFile`. */
export const writeJailedFile = async (root: string, path: string, bytes: Uint8Array, mode: number): Promise<void> => {
  const target = insideByWords(root, path);
  await makeFolders(root, dirname(target), path);
  const folder = await holdFolder(root, dirname(target), path);
  const file = await andThen(openForWriting(folder.child(basename(target)), path, mode), folder.close);
  try {
    await file.truncate(0);
    await file.writeFile(bytes);
    await file.chmod(mode & 0o777);
  } finally {
    await file.close();
  }
};

const openForWriting = async (target: string, path: string, mode: number): Promise<FileHandle> => {
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  const file = await openFile(target, flags, path, mode);
  let hasOtherNames = false;
  try {
    hasOtherNames = (await regular(file, path)).nlink > 1;
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
  if (!hasOtherNames) return file;
  await file.close();
  await unlink(target).catch((thrown: unknown) => {
    throw translate(thrown, path);
  });
  return await openFile(target, flags | O_EXCL, path, mode);
};

/** A folder that stays the same while it is held, whatever happens to its name. */
interface HeldFolder {
  child(name: string): string;
  readonly close: () => Promise<void>;
}

/** The system's way to a file of an open folder. */
const heldPath = (handle: FileHandle, name: string): string => `/proc/self/fd/${handle.fd}/${name}`;

const holdFolder = async (root: string, folder: string, path: string): Promise<HeldFolder> => {
  const { realRoot, way } = await realFolder(root, folder, path);
  if (process.platform !== 'linux') {
    return { child: (name) => join(realRoot, way, name), close: () => Promise.resolve() };
  }
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  let held = await openFile(realRoot, flags, path);
  for (const part of way.split(sep)) {
    if (part === '') continue;
    const outer = held;
    held = await andThen(openFile(heldPath(outer, part), flags, path), () => outer.close());
  }
  return { child: (name) => heldPath(held, name), close: () => held.close() };
};

const insideByWords = (root: string, path: string): string => {
  const target = join(root, path);
  const way = relative(root, target);
  if (path.includes('\0') || isAbsolute(path) || way === '..' || way.startsWith(`..${sep}`)) throw leaves(path);
  if (way === '' || path.endsWith('/')) throw new DomainError('invalid_argument', `${shown(path)} names no file`);
  return target;
};

/** Makes the missing folders one by one, so that none is ever made behind a link that leaves the root. */
const makeFolders = async (root: string, folder: string, path: string): Promise<void> => {
  let at = root;
  for (const part of relative(root, folder).split(sep)) {
    if (part === '') continue;
    at = join(at, part);
    try {
      await mkdir(at);
    } catch (thrown) {
      if (codeOf(thrown) !== 'EEXIST') throw translate(thrown, path);
      await realFolder(root, at, path);
    }
  }
};

/** The real root, and the way from there to the real folder. */
const realFolder = async (root: string, folder: string, path: string) => {
  // The root's own name is not resolved: who could exchange it for a link would move the whole jail.
  const [above, real] = await Promise.all([realpath(dirname(root)), realpath(folder)]).catch((thrown: unknown) => {
    throw translate(thrown, path);
  });
  const realRoot = join(above, basename(root));
  const way = relative(realRoot, real);
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) throw leaves(path);
  return { realRoot, way };
};

const openFile = async (target: string, flags: number, path: string, mode?: number): Promise<FileHandle> => {
  try {
    return await open(target, flags, mode);
  } catch (thrown) {
    throw translate(thrown, path);
  }
};

const regular = async (file: FileHandle, path: string) => {
  const stat = await file.stat();
  if (!stat.isFile()) throw new DomainError('invalid_argument', `${shown(path)} is no regular file`);
  return stat;
};

/** A cut inside a character is not the file's fault: up to three bytes of a cut text may be missing. */
const decode = (bytes: Buffer, truncated: boolean, path: string): string => {
  for (let drop = 0; drop <= (truncated ? 3 : 0); drop += 1) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, bytes.length - drop));
    } catch {
      // Try again without the last byte.
    }
  }
  throw new DomainError('invalid_argument', `${shown(path)} is not UTF-8 text`);
};

const shown = (path: string): string => JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);

const leaves = (path: string): DomainError =>
  new DomainError('permission_denied', `${shown(path)} leaves the private directory`);

const codeOf = (thrown: unknown): unknown => (thrown as { code?: unknown } | undefined)?.code;

const translate = (thrown: unknown, path: string): unknown => {
  switch (codeOf(thrown)) {
    case 'ENOENT':
      return new DomainError('not_found', `${shown(path)} does not exist`);
    case 'ELOOP':
    case 'EMLINK':
      return new DomainError('permission_denied', `${shown(path)} is a symbolic link`);
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'ENXIO':
    case 'ENAMETOOLONG':
      return new DomainError('invalid_argument', `${shown(path)} is no regular file`);
    case 'EACCES':
    case 'EPERM':
      return new DomainError('permission_denied', `${shown(path)} may not be opened`);
    default:
      return thrown;
  }
};

/** The result, after `end` was done in any case. */
const andThen = async <T>(result: Promise<T>, end: () => Promise<unknown>): Promise<T> => {
  try {
    return await result;
  } finally {
    await end();
  }
};
