import { rename, writeFile } from 'node:fs/promises';
import type { Endpoint } from '../cli/find-endpoint.ts';

/** Writes `endpoint.json` by rename: a reader finds all of it or none. */
export const writeEndpoint = async (path: string, endpoint: Endpoint): Promise<void> => {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
  await rename(temporary, path);
};
