import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import { createClient, type SkeinClient } from '@skein/sdk';
import type { Cli } from './cli.ts';

/** Options that every command which talks to a coordinator has. */
export interface ConnectOptions {
  readonly url?: string;
  readonly token?: string;
  /** File of the authority that is trusted; for https only. */
  readonly ca?: string;
  readonly data?: string;
  readonly project?: string;
}

/** Where a coordinator is: `DATA/endpoint.json`, as `skein up` and the coordinator write it. */
export interface Endpoint {
  readonly http: string;
  readonly grpc: string;
  readonly adminTokenFile: string;
  readonly caFile?: string;
}

/** Checked by hand: a library of schemas would be most of what a command loads. */
const isEndpoint = (value: unknown): value is Endpoint => {
  if (typeof value !== 'object' || value === null) return false;
  const { http, grpc, adminTokenFile, caFile = 'none' } = value as { readonly [name: string]: unknown };
  const isText = (text: unknown): text is string => typeof text === 'string' && text !== '';
  return isText(http) && URL.canParse(http) && [grpc, adminTokenFile, caFile].every(isText);
};

/** A client of the coordinator that the flags, the environment or the project's data folder name, in this order. */
export const connect = async (cli: Cli, options: ConnectOptions): Promise<SkeinClient> => {
  const { url, token, caFile } = await findEndpoint(cli, options);
  const ca = caFile === undefined ? undefined : await readAuthority(caFile);
  return createClient({
    url: urlsOf(url),
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
    retry: { attempts: 3 },
  });
};

/** `SKEIN_URL` and `--url` may name several coordinators of a fleet, with commas between them. */
export const urlsOf = (given: string): readonly string[] => given.split(',').map((each) => each.trim());

/** The text of an authority's file. Throws `invalid_argument`. */
export const readAuthority = async (path: string): Promise<string> => {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new DomainError('invalid_argument', `the CA file ${path} cannot be read (${code ?? 'unknown'})`);
  });
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new DomainError('invalid_argument', `the CA file ${path} holds no certificate (PEM)`);
};

/** A coordinator, how it is let in to, the folder in which it was found, and the file of its authority. */
export interface FoundEndpoint {
  readonly url: string;
  readonly token?: string;
  readonly folder?: string;
  readonly caFile?: string;
}

/** Also the data folder, when the coordinator was found in one. Throws `unavailable` when none can be found; it says where it looked. */
export const findEndpoint = async (
  cli: Pick<Cli, 'config' | 'cwd'>,
  options: ConnectOptions,
): Promise<FoundEndpoint> => {
  const given = options.ca ?? cli.config.caFile;
  const found = await searchEndpoint(cli, options);
  const caFile = given === undefined ? found.caFile : resolve(cli.cwd, given);
  const { caFile: _, ...rest } = found;
  return caFile === undefined ? rest : { ...rest, caFile };
};

const searchEndpoint = async (cli: Pick<Cli, 'config' | 'cwd'>, options: ConnectOptions): Promise<FoundEndpoint> => {
  const token = options.token ?? cli.config.token ?? (await tokenOfVariable(cli));
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
      return { url: endpoint.http, token: own, folder, ...authorityIn(folder, endpoint) };
    }
    // A token is for the coordinator that made it, and is shown to no other.
    if (isSameOrigin(url, endpoint.http)) {
      if (!isNamed) await refuseForeign(path);
      const own = await readTokenFile(resolve(folder, endpoint.adminTokenFile));
      return { url, token: own, folder, ...authorityIn(folder, endpoint) };
    }
  }
  if (url !== undefined) return { url };
  throw new DomainError(
    'unavailable',
    `no coordinator found: start one with "skein up", or give --url and --token (or SKEIN_URL and SKEIN_TOKEN); looked in ${folders.join(', ')}`,
  );
};

/** `SKEIN_TOKEN_FILE`, as programs in containers are given their token. */
const tokenOfVariable = async ({ config, cwd }: Pick<Cli, 'config' | 'cwd'>): Promise<string | undefined> =>
  config.tokenFile === undefined ? undefined : readTokenFile(resolve(cwd, config.tokenFile));

const authorityIn = (folder: string, { caFile }: Endpoint): { readonly caFile?: string } =>
  caFile === undefined ? {} : { caFile: resolve(folder, caFile) };

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
  const value = parseJson(text);
  if (isEndpoint(value)) return value;
  throw new DomainError('invalid_argument', `${path} is not an endpoint file; stop and start the coordinator again`);
};

/** Undefined for what is no JSON. */
const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
