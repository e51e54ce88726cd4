import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { err, type MemoryPolicy, ok, type Result } from '@skein/domain';
import type { ClientTls, ServerTls } from '@skein/grpc';
import type { HttpTls } from '@skein/http';
import { type AutoModelChoice, autoModelFrom } from '@skein/sdk';
import { environmentSecrets, readTraceSettings, type SecretValues, type TraceSettings } from '@skein/telemetry';
import { z } from 'zod';
import { type Address, isLoopback, parseAddress } from './address.ts';
import { type FleetSettings, readFleet } from './fleet/fleet-config.ts';
import { readSecurity, type SecurityConfig } from './security/security-config.ts';
import { readTlsFiles, type TlsMaterial, type TlsSettings, tlsFileVariables } from './tls/tls-files.ts';
import { readWebhooks, type WebhookConfig } from './webhooks/webhook-config.ts';

/** Settings of the coordinator process. */
export interface Config {
  readonly dataDir: string;
  readonly http: Address;
  readonly grpc: Address;
  /** Where a thread of its own answers for the health; absent: only the HTTP API does. */
  readonly health?: Address;
  readonly adminTokenFile: string;
  readonly joinTokenFile: string;
  readonly endpointFile: string;
  /** Applied and activated at the start. */
  readonly project?: string;
  readonly autoModel: AutoModelChoice;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** TLS of the workers' door, PEM. Without it, gRPC is plain and stays on loopback. */
  readonly tls?: ServerTls;
  /** TLS of the HTTP API; without it, it is plain and stays on loopback. */
  readonly httpTls?: HttpTls;
  /** How other coordinators are reached when this one serves TLS. */
  readonly peerTls?: ClientTls;
  /** Where all that comes from, so that new certificates are found. */
  readonly tlsFiles?: TlsSettings;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Secrets that tasks may be given: from the environment, then from the folder. */
  readonly secrets: { readonly values: SecretValues; readonly folder?: string };
  /** How proposals of each kind of memory become memory. */
  readonly memoryPolicies: { readonly global: MemoryPolicy; readonly dag: MemoryPolicy; readonly agent: MemoryPolicy };
  readonly foldIntervalMs: number;
  readonly snapshotRetentionMs: number;
  /** How long a finished run keeps its facts and logs (0: for ever), and the stream of delivery events its events. */
  readonly runRetentionMs: number;
  readonly eventRetentionMs: number;
  readonly maxEvents: number;
  /** Addresses of coordinators that workers are told to try when they lose this one; what other coordinators are told when nothing else is given. */
  readonly advertise: readonly string[];
  /** Absent: `defaultSecurity`. */
  readonly security?: SecurityConfig;
  /** PostgreSQL, Redis and the other coordinators; absent: none of them. */
  readonly fleet?: FleetSettings;
  /** Where traces go; absent: nothing is traced. */
  readonly traces?: TraceSettings;
  /** Who is told of rollouts. */
  readonly webhooks?: WebhookConfig;
  /** Put the files of a damaged database aside; the start is refused all the same, and the next begins with an empty store. */
  readonly setAsideDamaged: boolean;
  /** Copy the data folder there and end, also while a coordinator works on it. */
  readonly backupTo?: string;
}

/** Longest stop before the process ends anyway, in ms. */
export const stopDeadlineMs = 10_000;

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: 'must be HOST:PORT' });
  return z.NEVER;
});

const flag = z.enum(['0', '1', 'true', 'false', '']).transform((text) => text === '1' || text === 'true');
const milliseconds = (min: number) => z.coerce.number().int().min(min).max(3_600_000);

const days = z.coerce.number().min(0).max(3_650);

const maxAdvertised = 32;

const addresses = z.string().transform((text, context) => {
  const list = text.split(',').map((each) => each.trim());
  if (list.length <= maxAdvertised && list.every((each) => parseAddress(each) !== undefined)) return list;
  context.addIssue({ code: 'custom', message: `must be at most ${maxAdvertised} of HOST:PORT, separated by commas` });
  return z.NEVER;
});

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const policy = z.enum(['auto', 'review', 'off']);

const variables = z.object({
  SKEIN_DATA: z.string().min(1).default('.skein'),
  SKEIN_HTTP: address.prefault('127.0.0.1:7420'),
  SKEIN_GRPC: address.prefault('127.0.0.1:7421'),
  SKEIN_HEALTH: address.optional(),
  SKEIN_ADMIN_TOKEN_FILE: z.string().min(1).optional(),
  SKEIN_JOIN_TOKEN_FILE: z.string().min(1).optional(),
  SKEIN_ENDPOINT_FILE: z.string().min(1).optional(),
  SKEIN_PROJECT: z.string().min(1).optional(),
  SKEIN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SKEIN_HEARTBEAT_MS: milliseconds(50).default(1_500),
  SKEIN_LEASE_MS: milliseconds(200).default(6_000),
  SKEIN_SECRETS_DIR: z.string().min(1).optional(),
  SKEIN_MEMORY_GLOBAL: policy.default('review'),
  SKEIN_MEMORY_DAG: policy.default('review'),
  SKEIN_MEMORY_AGENT: policy.default('auto'),
  SKEIN_MEMORY_FOLD_MS: milliseconds(10).default(30_000),
  SKEIN_SNAPSHOT_RETENTION_HOURS: z.coerce
    .number()
    .min(0)
    .max(24 * 3_650)
    .default(168),
  SKEIN_RUN_RETENTION_DAYS: days.default(90),
  SKEIN_EVENT_RETENTION_DAYS: days.default(30),
  SKEIN_MAX_EVENTS: z.coerce.number().int().min(100).max(100_000_000).default(100_000),
  SKEIN_ADVERTISE: addresses.optional(),
  SKEIN_SET_ASIDE_DAMAGED: flag.default(false),
  SKEIN_WEBHOOK_URLS: z.string().optional(),
  SKEIN_WEBHOOK_SECRET: z.string().min(1).optional(),
  SKEIN_WEBHOOK_SECRET_FILE: z.string().min(1).optional(),
  SKEIN_TLS_CERT_FILE: z.string().min(1).optional(),
  SKEIN_TLS_KEY_FILE: z.string().min(1).optional(),
  SKEIN_TLS_CLIENT_CA_FILE: z.string().min(1).optional(),
  SKEIN_HTTP_TLS_CERT_FILE: z.string().min(1).optional(),
  SKEIN_HTTP_TLS_KEY_FILE: z.string().min(1).optional(),
  SKEIN_CA_FILE: z.string().min(1).optional(),
  SKEIN_TLS_NAME: z.string().regex(hostName, { message: 'must be a host name' }).optional(),
  SKEIN_INSECURE: flag.default(false),
});

/** Flag to the variable that it stands for. */
const flags = {
  data: 'SKEIN_DATA',
  http: 'SKEIN_HTTP',
  grpc: 'SKEIN_GRPC',
  health: 'SKEIN_HEALTH',
  project: 'SKEIN_PROJECT',
  'log-level': 'SKEIN_LOG_LEVEL',
} as const;

/** Settings from flags (first) and environment; an error lists every bad one at once. */
export const readConfig = (
  args: readonly string[],
  env: { readonly [name: string]: string | undefined },
): Result<Config, readonly string[]> => {
  const given: { [name: string]: string | undefined } = { ...env };
  let backupTo: string | undefined;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        data: { type: 'string' },
        http: { type: 'string' },
        grpc: { type: 'string' },
        health: { type: 'string' },
        project: { type: 'string' },
        'log-level': { type: 'string' },
        insecure: { type: 'boolean' },
        'set-aside-damaged': { type: 'boolean' },
        backup: { type: 'string' },
      },
    });
    for (const [name, variable] of Object.entries(flags)) {
      const value = values[name as keyof typeof flags];
      if (value !== undefined) given[variable] = value;
    }
    backupTo = values.backup;
    if (values.insecure === true) given['SKEIN_INSECURE'] = '1';
    if (values['set-aside-damaged'] === true) given['SKEIN_SET_ASIDE_DAMAGED'] = '1';
  } catch (error) {
    return err([error instanceof Error ? error.message : 'the flags cannot be read']);
  }
  const parsed = variables.safeParse(given);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const read = parsed.data;
  const tlsFiles = tlsFilesOf(read);
  const tls = readTlsFiles(tlsFiles);
  const webhooks = readWebhooks({
    urls: read.SKEIN_WEBHOOK_URLS,
    secret: read.SKEIN_WEBHOOK_SECRET,
    secretFile: read.SKEIN_WEBHOOK_SECRET_FILE,
  });
  const security = readSecurity(env);
  const fleet = readFleet(given);
  const traces = readTraceSettings(given);
  const problems = [
    ...(backupTo !== undefined && fleet.ok && fleet.value.store !== undefined
      ? ['--backup: the state is in PostgreSQL; copy it with pg_dump (docs/deploy.md)']
      : []),
    ...(fleet.ok ? [] : fleet.error),
    ...(traces.ok ? [] : traces.error),
    ...(security.ok ? [] : security.error),
    ...(tls.ok ? [] : tls.error),
    ...(webhooks.ok ? [] : webhooks.error),
    ...(read.SKEIN_INSECURE ? [] : exposed(read, tls.ok ? tls.value : {})),
    ...(read.SKEIN_LEASE_MS < 2 * read.SKEIN_HEARTBEAT_MS
      ? ['SKEIN_LEASE_MS: must be at least twice SKEIN_HEARTBEAT_MS']
      : []),
  ];
  if (problems.length > 0 || !tls.ok || !webhooks.ok || !security.ok || !fleet.ok || !traces.ok) return err(problems);
  const dataDir = resolve(read.SKEIN_DATA);
  return ok(
    Object.freeze({
      dataDir,
      http: read.SKEIN_HTTP,
      grpc: read.SKEIN_GRPC,
      ...(read.SKEIN_HEALTH === undefined ? {} : { health: read.SKEIN_HEALTH }),
      adminTokenFile: resolve(read.SKEIN_ADMIN_TOKEN_FILE ?? join(dataDir, 'admin-token')),
      joinTokenFile: resolve(read.SKEIN_JOIN_TOKEN_FILE ?? join(dataDir, 'join-token')),
      endpointFile: resolve(read.SKEIN_ENDPOINT_FILE ?? join(dataDir, 'endpoint.json')),
      ...(read.SKEIN_PROJECT === undefined ? {} : { project: resolve(read.SKEIN_PROJECT) }),
      autoModel: autoModelFrom(env),
      logLevel: read.SKEIN_LOG_LEVEL,
      ...(tls.value.grpc === undefined ? {} : { tls: tls.value.grpc }),
      ...(tls.value.http === undefined ? {} : { httpTls: tls.value.http }),
      ...(tls.value.peer === undefined ? {} : { peerTls: tls.value.peer }),
      tlsFiles: Object.freeze(tlsFiles),
      heartbeatMs: read.SKEIN_HEARTBEAT_MS,
      leaseMs: read.SKEIN_LEASE_MS,
      secrets: Object.freeze({
        values: environmentSecrets(env),
        ...(read.SKEIN_SECRETS_DIR === undefined ? {} : { folder: resolve(read.SKEIN_SECRETS_DIR) }),
      }),
      memoryPolicies: Object.freeze({
        global: read.SKEIN_MEMORY_GLOBAL,
        dag: read.SKEIN_MEMORY_DAG,
        agent: read.SKEIN_MEMORY_AGENT,
      }),
      foldIntervalMs: read.SKEIN_MEMORY_FOLD_MS,
      snapshotRetentionMs: Math.round(read.SKEIN_SNAPSHOT_RETENTION_HOURS * 3_600_000),
      runRetentionMs: Math.round(read.SKEIN_RUN_RETENTION_DAYS * 86_400_000),
      eventRetentionMs: Math.round(read.SKEIN_EVENT_RETENTION_DAYS * 86_400_000),
      maxEvents: read.SKEIN_MAX_EVENTS,
      security: security.value,
      fleet: Object.freeze(fleet.value),
      advertise: read.SKEIN_ADVERTISE ?? (fleet.value.peerAddress === undefined ? [] : [fleet.value.peerAddress]),
      ...(traces.value === undefined ? {} : { traces: Object.freeze(traces.value) }),
      ...(webhooks.value === undefined ? {} : { webhooks: webhooks.value }),
      setAsideDamaged: read.SKEIN_SET_ASIDE_DAMAGED,
      ...(backupTo === undefined ? {} : { backupTo: resolve(backupTo) }),
    }),
  );
};

type Read = z.infer<typeof variables>;

const tlsFilesOf = (read: Read): TlsSettings => ({
  ...Object.fromEntries(
    tlsFileVariables.flatMap((name) => (read[name] === undefined ? [] : [[name, resolve(read[name])]])),
  ),
  ...(read.SKEIN_TLS_NAME === undefined ? {} : { serverName: read.SKEIN_TLS_NAME }),
});

const doors = { SKEIN_HTTP: 'http', SKEIN_GRPC: 'grpc' } as const satisfies {
  readonly [name: string]: keyof TlsMaterial;
};

/** Without TLS, tokens and data would travel in the clear, so other machines are let in only on purpose. */
const exposed = (read: Read, tls: TlsMaterial): string[] =>
  (['SKEIN_HTTP', 'SKEIN_GRPC'] as const)
    .filter((name) => !isLoopback(read[name].host) && tls[doors[name]] === undefined)
    .map(
      (name) =>
        `${name}: ${read[name].host} is not a loopback address, and traffic would be in the clear. Make certificates with "skein certs init" and "skein certs issue coordinator NAME --host HOST", and give their files by SKEIN_TLS_CERT_FILE and SKEIN_TLS_KEY_FILE; or bind 127.0.0.1; or say --insecure (SKEIN_INSECURE=1) if the network is yours`,
    );
