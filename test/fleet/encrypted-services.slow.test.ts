import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  hasRedis,
  type PostgresServer,
  type RedisServer,
  startPostgresServer,
  startRedis,
} from '@skein/testkit';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, folderWith, skeinBin } from '../e2e/stack.ts';
import { FleetProcess } from './fleet-process.ts';
import { FleetStack, patienceMs } from './fleet-stack.ts';

const withRedis = await hasRedis();
let folder: string;
let postgres: PostgresServer;

/** Certificates for the services of this machine, made as the documentation says. */
const makeCertificates = (): void => {
  const certs = (...args: readonly string[]): unknown =>
    execFileSync(process.execPath, [skeinBin, 'certs', ...args, '--dir', folder], { stdio: 'ignore' });
  certs('init');
  certs('issue', 'coordinator', 'services', '--host', '127.0.0.1', '--host', 'localhost');
};

/** From now on the server takes encrypted connections only. */
const encryptOnly = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ readonly data_directory: string }>('show data_directory');
  const data = rows[0]?.data_directory ?? '';
  const { uid, gid } = statSync(data);
  for (const kind of ['pem', 'key']) {
    const path = join(data, `services.${kind}`);
    copyFileSync(join(folder, `coordinator-services.${kind}`), path);
    chmodSync(path, 0o600);
    chownSync(path, uid, gid);
  }
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all all scram-sha-256\n');
  await client.query("alter system set ssl_cert_file = 'services.pem'");
  await client.query("alter system set ssl_key_file = 'services.key'");
  await client.query('alter system set ssl = on');
  await client.query('select pg_reload_conf()');
  await client.end();
  await eventually(
    'the server refuses who does not encrypt',
    async () => {
      const plain = new Client({ connectionString: url });
      try {
        await plain.connect();
        return false;
      } catch (error) {
        return (error as Error).message.includes('no encryption');
      } finally {
        await plain.end();
      }
    },
    patienceMs,
  );
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skein-encrypted-'));
  makeCertificates();
  postgres = await startPostgresServer();
  await encryptOnly(postgres.url);
}, patienceMs);

afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}, patienceMs);

const authority = (): string => join(folder, 'ca.pem');
const storeUrl = (query = `?sslmode=verify-full&sslrootcert=${authority()}`): string => `${postgres.url}${query}`;

/** What a coordinator says that cannot start. */
const saidAtStart = async (store: string): Promise<string> => {
  const ports = { http: await freePort(), grpc: await freePort() };
  const coordinator = new FleetProcess('coordinator', 'alone', {
    SKEIN_DATA: join(folder, 'data'),
    SKEIN_STORE: store,
    SKEIN_HTTP: `127.0.0.1:${ports.http}`,
    SKEIN_GRPC: `127.0.0.1:${ports.grpc}`,
  });
  coordinator.start();
  try {
    await eventually('it ends', () => !coordinator.isRunning, patienceMs);
    return coordinator.output;
  } finally {
    await coordinator.close();
  }
};

describe('a PostgreSQL that takes encrypted connections only', () => {
  test(
    'says why it lets nobody in who does not encrypt, or does not trust its authority',
    async () => {
      expect(await saidAtStart(storeUrl(''))).toContain('no encryption');
      expect(await saidAtStart(storeUrl('?sslmode=verify-full'))).toMatch(/certificate/);
      const [, password] = /:([^:@]+)@/.exec(postgres.url) ?? [];
      const wrong = storeUrl().replace(`${password}`, 'not-the-password');
      const said = await saidAtStart(wrong);
      expect(said).toContain('password authentication failed');
      expect(said).not.toContain('not-the-password');
    },
    patienceMs,
  );

  test.skipIf(!withRedis)(
    'and a Redis over TLS: a fleet runs on both',
    async () => {
      const port = await freePort();
      const flags = { 'tls-port': port, 'tls-auth-clients': 'no', 'tls-ca-cert-file': authority() };
      const files = {
        'tls-cert-file': join(folder, 'coordinator-services.pem'),
        'tls-key-file': join(folder, 'coordinator-services.key'),
      };
      const redis: RedisServer = await startRedis({
        flags: Object.entries({ ...flags, ...files }).flatMap(([name, value]) => [`--${name}`, String(value)]),
      });
      const project = folderWith({ 'dags/one.yaml': 'name: one\nsteps:\n  - { id: a, command: "true" }\n' });
      let stack: FleetStack | undefined;
      try {
        stack = await FleetStack.start({
          project,
          coordinators: 2,
          schedulers: 1,
          workers: 1,
          store: storeUrl(),
          env: { SKEIN_REDIS: `rediss://localhost:${port}`, NODE_EXTRA_CA_CERTS: authority() },
        });
        const { run } = await stack.client.runs.submit({ dag: 'one' });
        const ended = async (): Promise<string | undefined> => {
          const { status } = await (stack as FleetStack).client.runs.get(run.runId, { waitMs: 5_000 });
          return status === 'running' || status === 'queued' ? undefined : status;
        };
        expect(await eventually('the run ends', ended, patienceMs)).toBe('succeeded');
        for (const coordinator of stack.coordinators)
          expect((await stack.clientOf(coordinator).readiness()).checks['queue']?.ok).toBe(true);
        expect(stack.output).not.toMatch(/Deprecation|without TLS/);
      } finally {
        await stack?.stop();
        await redis.stop();
        rmSync(project, { recursive: true, force: true });
      }
    },
    2 * patienceMs,
  );
});
