import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import type { SecretSource } from '@skein/ports';

/** Largest secret, in bytes. */
const maxSecretBytes = 64 * 1024;

/** A name that is one file of a folder and nothing else. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * The worker's own secrets: first the given values, then the folder, whose file NAME holds the secret NAME (the form of container
 * secrets). The folder is read at each request, so that a rotated secret is seen by the next task; one line break at the end is not part of it.
 */
export const createSecretSource = (values: { readonly [name: string]: string }, folder?: string): SecretSource => ({
  read: async (name) => {
    if (Object.hasOwn(values, name)) return values[name];
    return folder === undefined || !fileName.test(name) ? undefined : await readSecretFile(join(folder, name), name);
  },
});

const readSecretFile = async (path: string, name: string): Promise<string | undefined> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((thrown: unknown) => {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(name, code);
  });
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > maxSecretBytes) throw unreadable(name, stat.isFile() ? 'EFBIG' : 'not a file');
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
};

const unreadable = (name: string, reason: string | undefined): DomainError =>
  new DomainError('permission_denied', `the file of the secret ${name} cannot be read`, {
    secret: name,
    reason: reason ?? 'unknown',
  });
