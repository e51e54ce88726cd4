import { expect, test } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from './address.ts';
import { readConfig } from './config.ts';

const problems = (args: string[], env: Record<string, string> = {}) => {
  const config = readConfig(args, env);
  return config.ok ? [] : config.error;
};

test('has defaults for everything, on loopback', () => {
  const config = readConfig([], {});
  expect(config).toMatchObject({ ok: true, value: { http: { host: '127.0.0.1', port: 7420 }, leaseMs: 6_000 } });
});

test('a flag wins over its variable', () => {
  const config = readConfig(['--http', '127.0.0.1:0'], { SKEIN_HTTP: '127.0.0.1:9', SKEIN_DATA: '/tmp/x' });
  expect(config).toMatchObject({
    value: { http: { port: 0 }, dataDir: '/tmp/x', adminTokenFile: '/tmp/x/admin-token' },
  });
});

test('takes secrets, memory policies and retention from the environment, and shows no secret', () => {
  const config = readConfig([], {
    SKEIN_SECRET_DB: 'canary',
    SKEIN_SECRETS_DIR: '/run/secrets',
    SKEIN_MEMORY_AGENT: 'off',
    SKEIN_SNAPSHOT_RETENTION_HOURS: '0.5',
  });
  expect(config).toMatchObject({
    value: {
      secrets: { folder: '/run/secrets' },
      memoryPolicies: { global: 'review', dag: 'review', agent: 'off' },
      snapshotRetentionMs: 1_800_000,
      foldIntervalMs: 30_000,
    },
  });
  expect(config.ok && config.value.secrets.values.get('DB')).toBe('canary');
  expect(JSON.stringify(config)).not.toContain('canary');
  expect(problems([], { SKEIN_MEMORY_GLOBAL: 'always' })[0]).toContain('SKEIN_MEMORY_GLOBAL');
});

test('takes where health is served, how long runs and events are kept, and what workers are told to try', () => {
  const config = readConfig(['--health', '127.0.0.1:0'], {
    SKEIN_RUN_RETENTION_DAYS: '0',
    SKEIN_EVENT_RETENTION_DAYS: '1.5',
    SKEIN_ADVERTISE: 'a.example:7421, [::1]:7421',
  });
  expect(config).toMatchObject({
    value: {
      health: { host: '127.0.0.1', port: 0 },
      runRetentionMs: 0,
      eventRetentionMs: 1.5 * 86_400_000,
      maxEvents: 100_000,
      advertise: ['a.example:7421', '[::1]:7421'],
    },
  });
  expect(problems([], { SKEIN_ADVERTISE: 'nowhere' })[0]).toContain('SKEIN_ADVERTISE');
  expect(problems([], { SKEIN_RUN_RETENTION_DAYS: '-1' })[0]).toContain('SKEIN_RUN_RETENTION_DAYS');
});

test('tells workers the address that other coordinators use, when no other is given', () => {
  const fleet = {
    SKEIN_STORE: 'postgres://h/d',
    SKEIN_PEER: 'c1.example:7421',
    SKEIN_PEER_SECRET: 'a-secret-of-24-characters',
  };
  expect(readConfig([], fleet)).toMatchObject({ value: { advertise: ['c1.example:7421'] } });
  expect(readConfig([], { ...fleet, SKEIN_ADVERTISE: 'lb.example:1' })).toMatchObject({
    value: { advertise: ['lb.example:1'] },
  });
  expect(readConfig([], {})).toMatchObject({ value: { advertise: [] } });
});

test('lists every bad variable at once', () => {
  const found = problems([], { SKEIN_HTTP: 'nowhere', SKEIN_GRPC: '1.2.3.4:99999', SKEIN_LEASE_MS: 'long' });
  expect(found.map((line) => line.split(':')[0])).toEqual(['SKEIN_HTTP', 'SKEIN_GRPC', 'SKEIN_LEASE_MS']);
});

test('refuses to be reachable from other machines without TLS, unless told to', () => {
  const args = ['--http', '0.0.0.0:1', '--grpc', '[::]:2'];
  expect(problems(args)).toHaveLength(2);
  expect(problems(args)[0]).toContain('in the clear');
  expect(problems([...args, '--insecure'])).toEqual([]);
});

test('copies only a data folder: what is in PostgreSQL is copied by its own tools', () => {
  expect(readConfig(['--backup', '/backups/one'], {})).toMatchObject({ value: { backupTo: '/backups/one' } });
  expect(problems(['--backup', '/b'], { SKEIN_STORE: 'postgres://h/d' })[0]).toContain('pg_dump');
});

test('refuses flags that it does not know, and a lease shorter than two heartbeats', () => {
  expect(problems(['--bogus'])[0]).toContain('--bogus');
  expect(problems([], { SKEIN_LEASE_MS: '2000' })[0]).toContain('SKEIN_LEASE_MS');
});

test('reads addresses and knows loopback', () => {
  for (const text of ['127.0.0.1:0', '[::1]:80', 'localhost:65535', 'a-b.c:1']) {
    expect(formatAddress(parseAddress(text) ?? { host: '', port: -1 })).toBe(text);
  }
  for (const text of ['', ':1', 'a', 'a:', 'a:70000', '::1:5', '[x]:1', 'a b:1'])
    expect(parseAddress(text)).toBeUndefined();
  expect(['127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '127.0.0.1.evil.com', '10.0.0.1', '::'].some(isLoopback)).toBe(false);
});
