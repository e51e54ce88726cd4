import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import { isCoordinatorAddress, maxCoordinators } from '@skein/grpc';
import { readEndpoint } from '../cli/find-endpoint.ts';

/** What a worker is told on the command line about where to join. */
export interface JoinOptions {
  /** Addresses, one or several with commas between in each. */
  readonly coordinator?: readonly string[];
  readonly joinTokenFile?: string;
  readonly data?: string;
}

/** Where a worker joins. */
export interface JoinPoint {
  /** `HOST:PORT`, at least one, each once, in the order in which they are tried. */
  readonly coordinators: readonly string[];
  readonly token: string;
}

/** Flags win over variables, and those over the data folder. Throws `invalid_argument`, `unavailable`, `unauthenticated`. */
export const findJoinPoint = async (
  { cwd, env }: { readonly cwd: string; readonly env: { readonly [name: string]: string | undefined } },
  options: JoinOptions,
): Promise<JoinPoint> => {
  const data = resolve(cwd, options.data ?? '.skein');
  const given =
    options.coordinator?.join(',') ?? fromVariables(env) ?? (await readEndpoint(join(data, 'endpoint.json')))?.grpc;
  if (given === undefined) {
    throw new DomainError('unavailable', 'no coordinator found: give --coordinator HOST:PORT or --data DIR');
  }
  const coordinators = addressesOf(given);
  const file = options.joinTokenFile ?? env['SKEIN_JOIN_TOKEN_FILE'];
  if (file === undefined && env['SKEIN_JOIN_TOKEN'] !== undefined) {
    return { coordinators, token: env['SKEIN_JOIN_TOKEN'] };
  }
  const path = file === undefined ? join(data, 'join-token') : resolve(cwd, file);
  const token = await readFile(path, 'utf8').catch(() => '');
  if (token.trim() === '') throw new DomainError('unauthenticated', `there is no join token in ${path}`);
  return { coordinators, token: token.trim() };
};

/** Both variables together, as the worker reads them. */
const fromVariables = (env: { readonly [name: string]: string | undefined }): string | undefined => {
  const given = [env['SKEIN_COORDINATOR'], env['SKEIN_COORDINATORS']].filter((text) => text !== undefined);
  return given.length === 0 ? undefined : given.join(',');
};

const addressesOf = (given: string): readonly string[] => {
  const addresses = [...new Set(given.split(',').map((address) => address.trim()))];
  const wrong = addresses.find((address) => !isCoordinatorAddress(address));
  if (wrong !== undefined) {
    throw new DomainError('invalid_argument', `${JSON.stringify(wrong)} is no address of a coordinator: HOST:PORT`);
  }
  if (addresses.length <= maxCoordinators) return addresses;
  throw new DomainError('invalid_argument', `a worker is told of at most ${maxCoordinators} coordinators`);
};
