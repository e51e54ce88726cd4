import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { reachableAddress, readFleet } from './fleet-config.ts';
import { fleetConfigOf } from './peer-options.ts';

const secret = 'a-secret-of-24-characters';
const store = 'postgres://skein:canary@db.example:5432/skein?sslmode=require';
const problems = (env: Record<string, string>): string => {
  const read = readFleet(env);
  return read.ok ? '' : read.error.join('\n');
};
const settings = (env: Record<string, string>) => {
  const read = readFleet(env);
  if (!read.ok) throw new Error(read.error.join());
  return read.value;
};

test('without any of it there is no fleet', () => {
  expect(readFleet({})).toEqual({ ok: true, value: {} });
});

test('takes where store, queue and peers are, and shows no secret of them', () => {
  const read = settings({
    SKEIN_STORE: `${store}&schema=blue`,
    SKEIN_REDIS: 'rediss://:canary@redis.example',
    SKEIN_COORDINATOR_ID: 'c-1',
    SKEIN_PEER: 'c1.internal:7421',
    SKEIN_PEER_SECRET: `canary-${secret}`,
    SKEIN_ADMIN_TOKEN: `canary-${secret}`,
    SKEIN_JOIN_TOKEN: `canary-${secret}`,
    SKEIN_SCHEDULER_TOKEN: `canary-${secret}`,
  });
  expect(read).toMatchObject({ coordinatorId: 'c-1', peerAddress: 'c1.internal:7421', store: { schema: 'blue' } });
  expect(read.schedulerToken?.()).toBe(`canary-${secret}`);
  expect([read.store?.url(), read.redis?.(), read.peerSecret?.()]).toEqual([
    store,
    'rediss://:canary@redis.example',
    `canary-${secret}`,
  ]);
  expect(JSON.stringify(read) + inspect(read, { depth: 9 })).not.toContain('canary');
});

test('its row tells secrets apart, and shows none', () => {
  const configOf = (text: string) =>
    fleetConfigOf(settings({ SKEIN_STORE: store, SKEIN_PEER_SECRET: text }), '127.0.0.1:7421', []);
  const { secretFingerprint } = configOf(secret);
  expect(secretFingerprint).toMatch(/^[0-9a-f]{32}$/);
  expect(configOf(secret).secretFingerprint).toBe(secretFingerprint);
  expect(configOf(`${secret}!`).secretFingerprint).not.toBe(secretFingerprint);
  const alone = fleetConfigOf(settings({ SKEIN_STORE: store }), '127.0.0.1:7421', []);
  expect(alone).not.toHaveProperty('secretFingerprint');
});

test('more than one coordinator needs a store that they share, and a secret', () => {
  expect(problems({ SKEIN_PEER_SECRET: secret })).toContain('SKEIN_STORE');
  expect(problems({ SKEIN_COORDINATOR_ID: 'c1' })).toContain('SKEIN_STORE');
  expect(problems({ SKEIN_STORE: store, SKEIN_PEER: 'a:1' })).toContain('SKEIN_PEER_SECRET');
});

test('says what is wrong with each, and never what it was', () => {
  for (const [name, value] of [
    ['SKEIN_STORE', 'mysql://canary@x/y'],
    ['SKEIN_STORE', 'canary'],
    ['SKEIN_REDIS', 'http://canary'],
    ['SKEIN_COORDINATOR_ID', '-canary'],
    ['SKEIN_PEER', 'canary:0'],
    ['SKEIN_PEER_SECRET', 'canary'],
    ['SKEIN_PEER_SECRET', `canary ${secret}`],
    ['SKEIN_ADMIN_TOKEN', 'canary'],
    ['SKEIN_SCHEDULER_TOKEN', 'canary'],
  ] as const) {
    const said = problems({ [name]: value });
    expect([name, said.includes(name), said.includes('canary')]).toEqual([name, true, false]);
  }
  expect(problems({ SKEIN_PEER_SECRET_FILE: '/no/such/file' })).toContain('/no/such/file');
});

test('a server that listens everywhere is reached by the name of its machine', () => {
  expect(reachableAddress('10.0.0.1:7421')).toBe('10.0.0.1:7421');
  expect(reachableAddress('0.0.0.0:7421')).toBe(`${hostname()}:7421`);
  expect(reachableAddress('[::]:7421')).toBe(`${hostname()}:7421`);
});
