import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DomainError } from '@skein/domain';
import { maxSecretBytes, type SecretSource } from '@skein/ports';
import type { SecretValues } from './environment-secrets.ts';

/** A name that is one file of a folder and nothing else. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * Secrets of a process: first these values, then the folder, whose file NAME holds the secret NAME (the form of container secrets).
 * The folder is read at each request, so that a rotated secret is seen by the next task; one line break at the end is not part of it.
 */
export const createSecretSource = (values: Pick<SecretValues, 'get'>, folder?: string): SecretSource => ({
  read: async (name) => {
    const value = values.get(name);
    if (value !== undefined || folder === undefined || !fileName.test(name)) return value;
    return readSecretFile(folder, name);
  },
});

/** Links may lead to another file of the folder, as mounted secrets do, and nowhere else. */
const readSecretFile = async (folder: string, name: string): Promise<string | undefined> => {
  let file: FileHandle;
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, name));
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) throw unreadable(name, 'it leads out of its folder');
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (thrown instanceof DomainError) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(name, code ?? 'unknown');
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw unreadable(name, 'it is no file');
    if (stat.size > maxSecretBytes) throw unreadable(name, 'it is too large');
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
};

const unreadable = (name: string, reason: string): DomainError =>
  new DomainError('permission_denied', `the file of the secret ${name} cannot be read: ${reason}`, {
    secret: name,
    reason,
  });
