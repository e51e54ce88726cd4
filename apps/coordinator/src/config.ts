import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { err, type MemoryPolicy, ok, type Result } from '@skein/domain';
import type { ServerTls } from '@skein/grpc';
import { type AutoModelChoice, autoModelFrom } from '@skein/sdk';
import { environmentSecrets, type SecretValues } from '@skein/telemetry';
import { z } from 'zod';
import { type Address, isLoopback, parseAddress } from './address.ts';
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
  /** Addresses of coordinators that workers are told to try when they lose this one. */
  readonly advertise: readonly string[];
  /** Who is told of rollouts. */
  readonly webhooks?: WebhookConfig;
  /** Put the files of a damaged database aside; the start is refused all the same, and the next begins with an empty store. */
  readonly setAsideDamaged: boolean;
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
      },
    });
    for (const [name, variable] of Object.entries(flags)) {
      const value = values[name as keyof typeof flags];
      if (value !== undefined) given[variable] = value;
    }
    if (values.insecure === true) given['SKEIN_INSECURE'] = '1';
    if (values['set-aside-damaged'] === true) given['SKEIN_SET_ASIDE_DAMAGED'] = '1';
  } catch (error) {
    return err([error instanceof Error ? error.message : 'the flags cannot be read']);
  }
  const parsed = variables.safeParse(given);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const read = parsed.data;
  const tls = readTls(read);
  const webhooks = readWebhooks({
    urls: read.SKEIN_WEBHOOK_URLS,
    secret: read.SKEIN_WEBHOOK_SECRET,
    secretFile: read.SKEIN_WEBHOOK_SECRET_FILE,
  });
  const problems = [
    ...(tls.ok ? [] : tls.error),
    ...(webhooks.ok ? [] : webhooks.error),
    ...(read.SKEIN_INSECURE ? [] : exposed(read, tls.ok && tls.value !== undefined)),
    ...(read.SKEIN_LEASE_MS < 2 * read.SKEIN_HEARTBEAT_MS
      ? ['SKEIN_LEASE_MS: must be at least twice SKEIN_HEARTBEAT_MS']
      : []),
  ];
  if (problems.length > 0 || !tls.ok || !webhooks.ok) return err(problems);
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
      ...(tls.value === undefined ? {} : { tls: tls.value }),
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
      advertise: read.SKEIN_ADVERTISE ?? [],
      ...(webhooks.value === undefined ? {} : { webhooks: webhooks.value }),
      setAsideDamaged: read.SKEIN_SET_ASIDE_DAMAGED,
    }),
  );
};

type Read = z.infer<typeof variables>;

/** Certificate and key of the workers' door, from their files; both or none. */
const readTls = (read: Read): Result<ServerTls | undefined, readonly string[]> => {
  const paths = {
    SKEIN_TLS_CERT_FILE: read.SKEIN_TLS_CERT_FILE,
    SKEIN_TLS_KEY_FILE: read.SKEIN_TLS_KEY_FILE,
    SKEIN_TLS_CLIENT_CA_FILE: read.SKEIN_TLS_CLIENT_CA_FILE,
  };
  if (Object.values(paths).every((path) => path === undefined)) return ok(undefined);
  const problems: string[] = [];
  const pem: { [name in keyof typeof paths]?: string } = {};
  for (const name of Object.keys(paths) as (keyof typeof paths)[]) {
    const path = paths[name];
    if (path === undefined) continue;
    try {
      pem[name] = readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${name}: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }
  const { SKEIN_TLS_CERT_FILE: certificate, SKEIN_TLS_KEY_FILE: privateKey, SKEIN_TLS_CLIENT_CA_FILE: authority } = pem;
  if (read.SKEIN_TLS_CERT_FILE === undefined || read.SKEIN_TLS_KEY_FILE === undefined)
    problems.push('SKEIN_TLS_CERT_FILE, SKEIN_TLS_KEY_FILE: TLS needs both');
  if (problems.length > 0 || certificate === undefined || privateKey === undefined) return err(problems);
  return ok({ certificate, privateKey, ...(authority === undefined ? {} : { clientAuthority: authority }) });
};

/** Without TLS, tokens and data would travel in the clear, so other machines are let in only on purpose. The HTTP API has none of its own. */
const exposed = (read: Read, hasTls: boolean): string[] =>
  (['SKEIN_HTTP', 'SKEIN_GRPC'] as const)
    .filter((name) => !isLoopback(read[name].host) && !(name === 'SKEIN_GRPC' && hasTls))
    .map((name) => {
      const mend =
        name === 'SKEIN_GRPC'
          ? 'give SKEIN_TLS_CERT_FILE and SKEIN_TLS_KEY_FILE'
          : 'put a proxy with TLS in front of it';
      return `${name}: ${read[name].host} is not a loopback address, and traffic would be in the clear; bind 127.0.0.1, ${mend}, or say --insecure (SKEIN_INSECURE=1) if the network is yours`;
    });
