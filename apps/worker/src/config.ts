import { readFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseAllowedTargets } from '@skein/executors';
import { type ClientTls, isCoordinatorAddress, maxCoordinators } from '@skein/grpc';
import { environmentSecrets, readTraceSettings, type SecretValues, type TraceSettings } from '@skein/telemetry';
import { z } from 'zod';
import type { ClientTlsFiles } from './worker-tls.ts';

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
  /** `HOST:PORT` of one or more coordinators, each once, at most 32; the worker goes to any of them. */
  readonly coordinators: readonly string[];
  readonly joinToken: Secret;
  readonly slots: number;
  readonly labels: { readonly [name: string]: string };
  readonly workDir: string;
  /** Given by the launcher; absent when the worker was started by hand. */
  readonly incarnation?: string;
  /** The launcher's marker in the environment of all that it started; steps get it with a part of this process's own behind it. */
  readonly launchMarker?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** How long a drain lets running tasks go on. */
  readonly drainMs: number;
  /** Bound of the snapshot cache. */
  readonly maxCacheBytes: number;
  readonly tls?: ClientTls;
  /** Files from which that came; they are read again for new connections. */
  readonly tlsFiles: ClientTlsFiles;
  readonly hostname: string;
  /** All that steps see of this process's environment. */
  readonly stepEnv: { readonly [name: string]: string };
  /** Secrets of this worker's own: values from its environment, and a folder with one file for each. */
  readonly secrets: { readonly values: SecretValues; readonly folder?: string };
  /** Hosts and networks that requests of steps may reach beside public addresses, as written. */
  readonly httpAllow: string;
  /** Where traces go; absent: nothing is traced. */
  readonly traces?: TraceSettings;
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

const allowedTargets = z.string().transform((text, context) => {
  const parsed = parseAllowedTargets(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
  return text;
});

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const wholeNumber = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

/** The folder for temporary files may be that of all users of the system; the first would shut the others out. */
const ownWorkDir = (): string => join(tmpdir(), `skein-worker-${process.getuid?.() ?? userInfo().username}`);

const variables = z.object({
  SKEIN_COORDINATOR: addresses.optional(),
  SKEIN_COORDINATORS: addresses.optional(),
  SKEIN_JOIN_TOKEN: z.string().min(1),
  SKEIN_SLOTS: wholeNumber(1, 1_024).default(4),
  SKEIN_LABELS: labels.default({}),
  SKEIN_WORK_DIR: z.string().min(1).default(ownWorkDir),
  SKEIN_INCARNATION: z.string().min(1).optional(),
  SKEIN_LAUNCH: z.string().min(1).optional(),
  SKEIN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SKEIN_DRAIN_MS: wholeNumber(0, 3_600_000).default(25_000),
  SKEIN_SNAPSHOT_CACHE_BYTES: wholeNumber(0, 2 ** 40).default(256 * 1024 * 1024),
  SKEIN_SECRETS_DIR: z.string().min(1).optional(),
  SKEIN_SECRETS: z.string().default(''),
  SKEIN_HTTP_ALLOW: allowedTargets.default(''),
  SKEIN_TLS: z.enum(['0', '1']).default('0'),
  SKEIN_TLS_CA: z.string().optional(),
  SKEIN_TLS_CERT: z.string().optional(),
  SKEIN_TLS_KEY: z.string().optional(),
  SKEIN_TLS_NAME: z.string().regex(hostName, { message: 'must be a host name' }).optional(),
});

/** Variables whose value may be given in a file instead, by NAME_FILE. */
const fileVariables = ['SKEIN_JOIN_TOKEN', 'SKEIN_TLS_CA', 'SKEIN_TLS_CERT', 'SKEIN_TLS_KEY'];

/** What steps get of the worker's own environment. */
const stepVariables = ['PATH', 'LANG', 'LC_ALL', 'TZ'];

type Environment = { readonly [name: string]: string | undefined };

/** Reads the environment, with flags on top of it. Throws `ConfigError` that names every bad variable. */
export const readConfig = (args: readonly string[], environment: Environment = process.env): WorkerConfig => {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  const given = { ...withFiles(withAuthorityFile({ ...environment, ...flags }), problems), ...flags };
  const parsed = variables.safeParse(given);
  if (given['SKEIN_COORDINATOR'] === undefined && given['SKEIN_COORDINATORS'] === undefined)
    problems.push('SKEIN_COORDINATOR: is required (or SKEIN_COORDINATORS)');
  if (parsed.success && coordinatorsOf(parsed.data).length > maxCoordinators)
    problems.push(`SKEIN_COORDINATORS: expected at most ${maxCoordinators} addresses`);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${describe(issue, given)}`));
  }
  const traces = readTraceSettings(given);
  if (!traces.ok) problems.push(...traces.error);
  if (!parsed.success || !traces.ok || problems.length > 0) throw new ConfigError(problems.join('\n'));
  const read = parsed.data;
  const coordinators = coordinatorsOf(read);
  const tls = {
    ...(read.SKEIN_TLS_CA === undefined ? {} : { authority: read.SKEIN_TLS_CA }),
    ...(read.SKEIN_TLS_CERT === undefined ? {} : { certificate: read.SKEIN_TLS_CERT }),
    ...(read.SKEIN_TLS_KEY === undefined ? {} : { privateKey: read.SKEIN_TLS_KEY }),
    ...(read.SKEIN_TLS_NAME === undefined ? {} : { serverName: read.SKEIN_TLS_NAME }),
  };
  return Object.freeze({
    coordinators,
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
    tlsFiles: tlsFilesOf(withAuthorityFile({ ...environment, ...flags })),
    hostname: hostname(),
    stepEnv: pick(environment, stepVariables),
    httpAllow: read.SKEIN_HTTP_ALLOW,
    ...(traces.value === undefined ? {} : { traces: traces.value }),
    secrets: {
      values: environmentSecrets(environment, { apiKeys: true, named: read.SKEIN_SECRETS }),
      ...(read.SKEIN_SECRETS_DIR === undefined ? {} : { folder: read.SKEIN_SECRETS_DIR }),
    },
  });
};

/** Both variables together, each address once. */
const coordinatorsOf = (
  read: Pick<z.infer<typeof variables>, 'SKEIN_COORDINATOR' | 'SKEIN_COORDINATORS'>,
): string[] => [...new Set([...(read.SKEIN_COORDINATOR ?? []), ...(read.SKEIN_COORDINATORS ?? [])])];

const readFlags = (args: readonly string[], problems: string[]): { readonly [name: string]: string } => {
  const options = {
    coordinator: { type: 'string', multiple: true },
    slots: { type: 'string' },
    labels: { type: 'string' },
    'work-dir': { type: 'string' },
    ca: { type: 'string' },
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

const variableOf = (flag: string): string =>
  flag === 'ca' ? 'SKEIN_CA_FILE' : `SKEIN_${flag.replaceAll('-', '_').toUpperCase()}`;

/** `SKEIN_CA_FILE` names the authority for every program; the worker's own variable wins. */
const withAuthorityFile = (environment: Environment): Environment => {
  const { SKEIN_CA_FILE: common, SKEIN_TLS_CA: text, SKEIN_TLS_CA_FILE: path = common } = environment;
  return text !== undefined || path === undefined ? environment : { ...environment, SKEIN_TLS_CA_FILE: path };
};

const tlsFilesOf = (environment: Environment): ClientTlsFiles => {
  const names = { authority: 'SKEIN_TLS_CA', certificate: 'SKEIN_TLS_CERT', privateKey: 'SKEIN_TLS_KEY' } as const;
  return Object.fromEntries(
    Object.entries(names).flatMap(([part, name]) => {
      const path = environment[`${name}_FILE`];
      return path === undefined || environment[name] !== undefined ? [] : [[part, path] as const];
    }),
  );
};

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
