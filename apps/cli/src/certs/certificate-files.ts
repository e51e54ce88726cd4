import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';

/** Files of one certificate. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Where the authority of a folder is. */
export const authorityFiles = (dir: string): CertificateFiles => ({
  certificate: join(dir, 'ca.pem'),
  privateKey: join(dir, 'ca.key'),
});

/** Where the certificate of a coordinator or a worker is. */
export const leafFiles = (dir: string, role: string, name: string): CertificateFiles => ({
  certificate: join(dir, `${role}-${name}.pem`),
  privateKey: join(dir, `${role}-${name}.key`),
});

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

const exists = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Throws `already_exists` when one of the files is there: a key that is in use is never replaced. */
export const refuseExisting = async (files: CertificateFiles): Promise<void> => {
  for (const path of [files.certificate, files.privateKey])
    if (await exists(path))
      throw new DomainError('already_exists', `${path} exists already; remove it, or choose another folder or name`);
};

/** Writes both, never over another file: the key for its owner only. On a failure neither stays. Throws `already_exists`, `unavailable`. */
export const writeFiles = async (
  dir: string,
  files: CertificateFiles,
  pem: { readonly certificate: string; readonly privateKey: string },
): Promise<void> => {
  await refuseExisting(files);
  const written: string[] = [];
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(files.privateKey, pem.privateKey, { flag: 'wx', mode: 0o600 });
    written.push(files.privateKey);
    await writeFile(files.certificate, pem.certificate, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    const code = codeOf(error);
    if (code === 'EEXIST') throw new DomainError('already_exists', `a file of this name is in ${dir} already`);
    throw new DomainError('unavailable', `the files cannot be written to ${dir} (${code})`, undefined, error);
  }
};

/** Throws `not_found` with the command that makes an authority. */
export const readAuthorityFiles = async (
  dir: string,
): Promise<{ readonly certificate: string; readonly privateKey: string }> => {
  const files = authorityFiles(dir);
  const read = async (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT')
        throw new DomainError(
          'not_found',
          `there is no authority in ${dir}; make one with: skein certs init --dir ${dir}`,
        );
      throw new DomainError('unavailable', `${path} cannot be read (${codeOf(error)})`);
    });
  return { certificate: await read(files.certificate), privateKey: await read(files.privateKey) };
};
