import { readFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isCoordinatorAddress, maxCoordinators } from '@skein/grpc';
import { environmentSecrets, type SecretValues } from '@skein/telemetry';
import { z } from 'zod';

/** A value that must not be shown: it prints as `[redacted]` wherever it is written by accident. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** Configuration of one worker process. */
export interface WorkerConfig {
  /** `HOST:PORT` of one or more coordinators, in the order in which they are tried; each once, at most 32. */
  readonly coordinators: readonly string[];
  readonly joinToken: Secret;
  readonly slots: number;
  readonly labels: { readonly [name: string]: string };
  readonly workDir: string;
  /** Given by the launcher; absent when the worker was started by hand. */
  readonly incarnation?: string;
  /** The launcher's marker in the environment of all that it started. */
  readonly launchMarker?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** How long a drain lets running tasks go on. */
  readonly drainMs: number;
  /** Bound of the snapshot cache. */
  readonly maxCacheBytes: number;
  readonly tls?: { readonly authority?: string; readonly certificate?: string; readonly privateKey?: string };
  readonly hostname: string;
  /** All that steps see of this process's environment. */
  readonly stepEnv: { readonly [name: string]: string };
  /** Secrets of this worker's own: values from its environment, and a folder with one file for each. */
  readonly secrets: { readonly values: SecretValues; readonly folder?: string };
}

/** What is wrong with the configuration: every problem at once, for a person to read. */
export class ConfigError extends Error {}

const labels = z.string().transform((text, context) => {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => entry.split('='));
  const wrong = entries.find(([name, value, ...more]) => !name || value === undefined || more.length > 0);
  if (wrong !== undefined) context.addIssue({ code: 'custom', message: 'expected name=value,name=value' });
  return Object.fromEntries(entries.map(([name = '', value = '']) => [name.trim(), value.trim()]));
});

const addresses = z.string().transform((text, context) => {
  const given = text.split(',').map((address) => address.trim());
  const unique = [...new Set(given)];
  if (!given.every(isCoordinatorAddress))
    context.addIssue({ code: 'custom', message: 'expected HOST:PORT, or several with commas between them' });
  if (unique.length > maxCoordinators)
    context.addIssue({ code: 'custom', message: `expected at most ${maxCoordinators} addresses` });
  return unique;
});

const wholeNumber = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

const variables = z.object({
  SKEIN_COORDINATOR: addresses,
  SKEIN_JOIN_TOKEN: z.string().min(1),
  SKEIN_SLOTS: wholeNumber(1, 1_024).default(4),
  SKEIN_LABELS: labels.default({}),
  SKEIN_WORK_DIR: z.string().min(1).default(join(tmpdir(), 'skein-worker')),
  SKEIN_INCARNATION: z.string().min(1).optional(),
  SKEIN_LAUNCH: z.string().min(1).optional(),
  SKEIN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SKEIN_DRAIN_MS: wholeNumber(0, 3_600_000).default(25_000),
  SKEIN_SNAPSHOT_CACHE_BYTES: wholeNumber(0, 2 ** 40).default(256 * 1024 * 1024),
  SKEIN_SECRETS_DIR: z.string().min(1).optional(),
  SKEIN_SECRETS: z.string().default(''),
  SKEIN_TLS: z.enum(['0', '1']).default('0'),
  SKEIN_TLS_CA: z.string().optional(),
  SKEIN_TLS_CERT: z.string().optional(),
  SKEIN_TLS_KEY: z.string().optional(),
});

/** Variables whose value may be given in a file instead, by NAME_FILE. */
const fileVariables = ['SKEIN_JOIN_TOKEN', 'SKEIN_TLS_CA', 'SKEIN_TLS_CERT', 'SKEIN_TLS_KEY'];

/** What steps get of the worker's own environment. */
const stepVariables = ['PATH', 'LANG', 'LC_ALL', 'TZ'];

type Environment = { readonly [name: string]: string | undefined };

/** Reads the environment, with flags on top of it. Throws `ConfigError` that names every bad variable. */
export const readConfig = (args: readonly string[], environment: Environment = process.env): WorkerConfig => {
  const problems: string[] = [];
  const given = { ...withFiles(environment, problems), ...readFlags(args, problems) };
  const parsed = variables.safeParse(given);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${describe(issue, given)}`));
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems.join('\n'));
  const read = parsed.data;
  const tls = {
    ...(read.SKEIN_TLS_CA === undefined ? {} : { authority: read.SKEIN_TLS_CA }),
    ...(read.SKEIN_TLS_CERT === undefined ? {} : { certificate: read.SKEIN_TLS_CERT }),
    ...(read.SKEIN_TLS_KEY === undefined ? {} : { privateKey: read.SKEIN_TLS_KEY }),
  };
  return Object.freeze({
    coordinators: read.SKEIN_COORDINATOR,
    joinToken: new Secret(read.SKEIN_JOIN_TOKEN.trim()),
    slots: read.SKEIN_SLOTS,
    labels: read.SKEIN_LABELS,
    workDir: read.SKEIN_WORK_DIR,
    ...(read.SKEIN_INCARNATION === undefined ? {} : { incarnation: read.SKEIN_INCARNATION }),
    ...(read.SKEIN_LAUNCH === undefined ? {} : { launchMarker: read.SKEIN_LAUNCH }),
    logLevel: read.SKEIN_LOG_LEVEL,
    drainMs: read.SKEIN_DRAIN_MS,
    maxCacheBytes: read.SKEIN_SNAPSHOT_CACHE_BYTES,
    ...(read.SKEIN_TLS === '1' || Object.keys(tls).length > 0 ? { tls } : {}),
    hostname: hostname(),
    stepEnv: pick(environment, stepVariables),
    secrets: {
      values: environmentSecrets(environment, { apiKeys: true, named: read.SKEIN_SECRETS }),
      ...(read.SKEIN_SECRETS_DIR === undefined ? {} : { folder: read.SKEIN_SECRETS_DIR }),
    },
  });
};

const readFlags = (args: readonly string[], problems: string[]): { readonly [name: string]: string } => {
  const options = {
    coordinator: { type: 'string', multiple: true },
    slots: { type: 'string' },
    labels: { type: 'string' },
    'work-dir': { type: 'string' },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const entries = Object.entries(values).map(
      ([flag, value]) => [variableOf(flag), [value].flat().join(',')] as const,
    );
    return Object.fromEntries(entries);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return {};
  }
};

const variableOf = (flag: string): string => `SKEIN_${flag.replaceAll('-', '_').toUpperCase()}`;

const withFiles = (environment: Environment, problems: string[]): Environment => {
  const read = { ...environment };
  for (const name of fileVariables) {
    const path = environment[`${name}_FILE`];
    if (path === undefined || read[name] !== undefined) continue;
    try {
      read[name] = readFileSync(path, 'utf8');
    } catch {
      problems.push(`${name}_FILE: cannot read ${path}`);
    }
  }
  return read;
};

const describe = (issue: { readonly path: PropertyKey[]; readonly message: string }, given: Environment): string =>
  given[String(issue.path[0])] === undefined ? 'is required' : issue.message;

const pick = (environment: Environment, names: readonly string[]): { readonly [name: string]: string } =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
