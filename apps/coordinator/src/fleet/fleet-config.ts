import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { err, ok, type Result } from '@skein/domain';
import { z } from 'zod';
import { parseAddress } from '../address.ts';

/** A value that no log and no JSON shows. */
export type Hidden = () => string;

/** Where the state is kept, and how this coordinator belongs to others on the same store. */
export interface FleetSettings {
  /** PostgreSQL; absent: embedded, in the data folder, and this coordinator is the only one. */
  readonly store?: { readonly url: Hidden; readonly schema?: string };
  /** Redis for the queue; absent: the queue is in the store. */
  readonly redis?: Hidden;
  /** Unlike that of every other coordinator of the fleet. */
  readonly coordinatorId?: string;
  /** `HOST:PORT` at which other coordinators reach this one; absent: where gRPC listens. */
  readonly peerAddress?: string;
  /** What coordinators show one another; absent: this one has no peers. */
  readonly peerSecret?: Hidden;
  /** First tokens that are given from outside: they work from the first start on. */
  readonly adminToken?: Hidden;
  readonly joinToken?: Hidden;
  /** May start runs, and no more than an operator may. */
  readonly schedulerToken?: Hidden;
}

const minSecretLength = 16;

const url = (...protocols: readonly string[]) =>
  z.string().refine((text) => isUrl(text, protocols), { message: `must be a URL (${protocols.join(', ')})` });

const isUrl = (text: string, protocols: readonly string[]): boolean => {
  try {
    return protocols.includes(new URL(text).protocol);
  } catch {
    return false;
  }
};

const secret = z
  .string()
  .trim()
  .min(minSecretLength, { message: `must have at least ${minSecretLength} characters` })
  .regex(/^[\x21-\x7e]+$/, { message: 'must be printable ASCII without spaces' });

const variables = z.object({
  SKEIN_STORE: url('postgres:', 'postgresql:').optional(),
  SKEIN_REDIS: url('redis:', 'rediss:').optional(),
  SKEIN_COORDINATOR_ID: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, { message: 'must be 1 to 100 letters, digits and _ . -' })
    .optional(),
  SKEIN_PEER: z
    .string()
    .refine((text) => (parseAddress(text)?.port ?? 0) > 0, { message: 'must be HOST:PORT' })
    .optional(),
  SKEIN_PEER_SECRET: secret.optional(),
  SKEIN_ADMIN_TOKEN: secret.optional(),
  SKEIN_JOIN_TOKEN: secret.optional(),
  SKEIN_SCHEDULER_TOKEN: secret.optional(),
});

/** Variables whose value may be given in a file instead, by NAME_FILE. */
const fileVariables = ['SKEIN_STORE', 'SKEIN_REDIS', 'SKEIN_PEER_SECRET', 'SKEIN_SCHEDULER_TOKEN'] as const;

/** Variables of these settings that hold secrets in plain. */
export const fleetSecrets: readonly string[] = [
  'SKEIN_STORE',
  'SKEIN_REDIS',
  'SKEIN_PEER_SECRET',
  'SKEIN_ADMIN_TOKEN',
  'SKEIN_JOIN_TOKEN',
  'SKEIN_SCHEDULER_TOKEN',
];

type Environment = { readonly [name: string]: string | undefined };

const withFiles = (env: Environment, problems: string[]): Environment => {
  const read: { [name: string]: string | undefined } = { ...env };
  for (const name of fileVariables) {
    const path = env[`${name}_FILE`];
    if (path === undefined || read[name] !== undefined) continue;
    try {
      read[name] = readFileSync(path, 'utf8').trim();
    } catch (error) {
      problems.push(`${name}_FILE: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }
  return read;
};

const hidden =
  (value: string): Hidden =>
  () =>
    value;

/** Settings from the environment; an error lists every bad one, and the value of none. */
export const readFleet = (env: Environment): Result<FleetSettings, readonly string[]> => {
  const problems: string[] = [];
  const parsed = variables.safeParse(withFiles(env, problems));
  if (!parsed.success)
    return err([...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)]);
  const read = parsed.data;
  if (read.SKEIN_STORE === undefined) {
    for (const name of ['SKEIN_PEER', 'SKEIN_PEER_SECRET', 'SKEIN_COORDINATOR_ID'] as const)
      if (read[name] !== undefined)
        problems.push(`${name}: more than one coordinator needs SKEIN_STORE, a PostgreSQL that they share`);
  }
  if (read.SKEIN_PEER !== undefined && read.SKEIN_PEER_SECRET === undefined)
    problems.push('SKEIN_PEER: coordinators let in only who shows their secret; give SKEIN_PEER_SECRET or its _FILE');
  if (problems.length > 0) return err(problems);
  return ok({
    ...(read.SKEIN_STORE === undefined ? {} : { store: storeOf(read.SKEIN_STORE) }),
    ...(read.SKEIN_REDIS === undefined ? {} : { redis: hidden(read.SKEIN_REDIS) }),
    ...(read.SKEIN_COORDINATOR_ID === undefined ? {} : { coordinatorId: read.SKEIN_COORDINATOR_ID }),
    ...(read.SKEIN_PEER === undefined ? {} : { peerAddress: read.SKEIN_PEER }),
    ...(read.SKEIN_PEER_SECRET === undefined ? {} : { peerSecret: hidden(read.SKEIN_PEER_SECRET) }),
    ...(read.SKEIN_ADMIN_TOKEN === undefined ? {} : { adminToken: hidden(read.SKEIN_ADMIN_TOKEN) }),
    ...(read.SKEIN_JOIN_TOKEN === undefined ? {} : { joinToken: hidden(read.SKEIN_JOIN_TOKEN) }),
    ...(read.SKEIN_SCHEDULER_TOKEN === undefined ? {} : { schedulerToken: hidden(read.SKEIN_SCHEDULER_TOKEN) }),
  });
};

/** `?schema=NAME` is ours; the rest of the URL is the database's. */
const storeOf = (text: string): NonNullable<FleetSettings['store']> => {
  const parsed = new URL(text);
  const schema = parsed.searchParams.get('schema');
  parsed.searchParams.delete('schema');
  return { url: hidden(schema === null ? text : parsed.href), ...(schema === null ? {} : { schema }) };
};

/** The address at which others reach a server that listens here: itself, or this machine's name when it listens everywhere. */
export const reachableAddress = (bound: string): string => {
  const parsed = parseAddress(bound);
  if (parsed === undefined) return bound;
  const isEverywhere = parsed.host === '0.0.0.0' || parsed.host === '::';
  return isEverywhere ? `${hostname()}:${parsed.port}` : bound;
};
