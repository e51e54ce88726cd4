import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import { createClient, type SkeinClient } from '@skein/sdk';
import { z } from 'zod';
import type { Cli } from './cli.ts';

/** Options that every command which talks to a coordinator has. */
export interface ConnectOptions {
  readonly url?: string;
  readonly token?: string;
  readonly data?: string;
  readonly project?: string;
}

/** Where a coordinator is, as `skein up` and the coordinator write it. */
export const endpointSchema = z.object({ http: z.url(), grpc: z.string().min(1), adminTokenFile: z.string().min(1) });

/** `DATA/endpoint.json`. */
export type Endpoint = z.infer<typeof endpointSchema>;

/** A client of the coordinator that the flags, the environment or the project's data folder name, in this order. */
export const connect = async (cli: Cli, options: ConnectOptions): Promise<SkeinClient> => {
  const { url, token } = await findEndpoint(cli, options);
  return createClient({ url, ...(token === undefined ? {} : { token }), retry: { attempts: 3 } });
};

/** Also the data folder, when the coordinator was found in one. Throws `unavailable` when none can be found; it says where it looked. */
export const findEndpoint = async (
  cli: Pick<Cli, 'config' | 'cwd'>,
  options: ConnectOptions,
): Promise<{ readonly url: string; readonly token?: string; readonly folder?: string }> => {
  const token = options.token ?? cli.config.token;
  const url = options.url ?? (options.data === undefined && options.project === undefined ? cli.config.url : undefined);
  if (url !== undefined && token !== undefined) return { url, token };
  const folders = dataFolders(cli, options);
  const isNamed = (options.data ?? options.project ?? cli.config.dataDir) !== undefined;
  for (const folder of folders) {
    const path = join(folder, 'endpoint.json');
    const endpoint = await readEndpoint(path);
    if (endpoint === undefined) continue;
    if (url === undefined) {
      if (!isNamed) await refuseForeign(path);
      const own = token ?? (await readTokenFile(resolve(folder, endpoint.adminTokenFile)));
      return { url: endpoint.http, token: own, folder };
    }
    // A token is for the coordinator that made it, and is shown to no other.
    if (isSameOrigin(url, endpoint.http)) {
      if (!isNamed) await refuseForeign(path);
      return { url, token: await readTokenFile(resolve(folder, endpoint.adminTokenFile)), folder };
    }
  }
  if (url !== undefined) return { url };
  throw new DomainError(
    'unavailable',
    `no coordinator found: start one with "skein up", or give --url and --token (or SKEIN_URL and SKEIN_TOKEN); looked in ${folders.join(', ')}`,
  );
};

const isSameOrigin = (a: string, b: string): boolean =>
  URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;

/** An endpoint file says which file is read and where its text is sent, so one that was merely found must be this user's, or the system's. */
const refuseForeign = async (path: string): Promise<void> => {
  const me = process.getuid?.();
  const { uid } = await stat(path);
  if (me === undefined || uid === me || uid === 0) return;
  throw new DomainError('permission_denied', `${path} belongs to another user; give --url and --token instead`);
};

/** `endpoint.json`, or undefined when there is none. Throws `invalid_argument` for one that cannot be understood. */
export const readEndpoint = async (path: string): Promise<Endpoint | undefined> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new DomainError('unavailable', `${path} cannot be read (${code ?? 'unknown'})`);
  });
  if (text === undefined) return undefined;
  try {
    return endpointSchema.parse(JSON.parse(text));
  } catch {
    throw new DomainError('invalid_argument', `${path} is not an endpoint file; stop and start the coordinator again`);
  }
};

/** The named data folder; else the `.skein` folders from here upwards. */
const dataFolders = (cli: Pick<Cli, 'config' | 'cwd'>, options: ConnectOptions): string[] => {
  if (options.data !== undefined) return [resolve(cli.cwd, options.data)];
  if (options.project !== undefined) return [resolve(cli.cwd, options.project, '.skein')];
  if (cli.config.dataDir !== undefined) return [resolve(cli.cwd, cli.config.dataDir)];
  const folders: string[] = [];
  for (let folder = resolve(cli.cwd); ; folder = dirname(folder)) {
    folders.push(join(folder, '.skein'));
    if (dirname(folder) === folder) return folders;
  }
};

const readTokenFile = async (path: string): Promise<string> => {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    throw new DomainError('unauthenticated', `the token file ${path} cannot be read; give --token or SKEIN_TOKEN`);
  }
};
