import { rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Endpoint } from '../cli/find-endpoint.ts';

/**
 * Writes `endpoint.json` by rename: a reader finds all of it or none. The answer removes the file again, unless another was put in its
 * place, as by a second `skein up` of the folder whose coordinator took over; its text may be the same.
 */
export const writeEndpoint = async (path: string, endpoint: Endpoint): Promise<() => Promise<void>> => {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
  const written = await identify(temporary);
  await rename(temporary, path);
  return async () => {
    if ((await identify(path)) === written) await rm(path, { force: true });
  };
};

/** Tells a file from one that was put in its place or changed; the number alone may be given again. */
const identify = async (path: string): Promise<string | undefined> => {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? undefined : `${found.dev}:${found.ino}:${found.mtimeNs}`;
};
