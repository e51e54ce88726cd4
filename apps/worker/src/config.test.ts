import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const enough = { SKEIN_COORDINATOR: 'localhost:7000', SKEIN_JOIN_TOKEN: 'join-secret' };

const problemsOf = (args: readonly string[], environment: { readonly [name: string]: string }): string => {
  try {
    readConfig(args, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  throw new Error('the configuration was accepted');
};

test('needs a coordinator and a join token, and has defaults for the rest', () => {
  const config = readConfig([], enough);
  expect(config).toMatchObject({ coordinators: ['localhost:7000'], slots: 4, labels: {}, drainMs: 25_000 });
  expect(config.joinToken.reveal()).toBe('join-secret');
});

test('users of one system have different work folders, unless they name one', () => {
  const ownUid = process.getuid;
  const workDirOf = (uid: (() => number) | undefined, named = {}) => {
    Object.assign(process, { getuid: uid });
    return readConfig([], { ...enough, ...named }).workDir;
  };
  onTestFinished(() => void Object.assign(process, { getuid: ownUid }));
  expect(workDirOf(() => 1_000)).toBe(join(tmpdir(), 'skein-worker-1000'));
  expect(workDirOf(() => 1_001)).toBe(join(tmpdir(), 'skein-worker-1001'));
  expect(workDirOf(undefined)).toBe(join(tmpdir(), `skein-worker-${userInfo().username}`));
  expect(workDirOf(() => 1_000, { SKEIN_WORK_DIR: '/w' })).toBe('/w');
});

test('names every bad variable at once', () => {
  const problems = problemsOf([], { SKEIN_COORDINATOR: 'nowhere', SKEIN_SLOTS: 'many', SKEIN_LABELS: 'a' });
  expect(problems.split('\n').map((line) => line.split(':')[0])).toEqual([
    'SKEIN_COORDINATOR',
    'SKEIN_JOIN_TOKEN',
    'SKEIN_SLOTS',
    'SKEIN_LABELS',
  ]);
});

test('takes several coordinators, in the order in which they are to be tried', () => {
  const coordinatorsOf = (args: readonly string[], text: string) =>
    readConfig(args, { ...enough, SKEIN_COORDINATOR: text }).coordinators;
  expect(coordinatorsOf([], 'a:1, b:2,a:1,[::1]:3')).toEqual(['a:1', 'b:2', '[::1]:3']);
  expect(coordinatorsOf(['--coordinator', 'c:1', '--coordinator', 'd:1,e:1'], 'a:1')).toEqual(['c:1', 'd:1', 'e:1']);
});

test.each([
  'a:1,',
  'a:1,,b:1',
  'a',
  'a:b',
  'a b:1',
  'http://a:1',
  Array.from({ length: 33 }, (_, n) => `h${n}:1`).join(','),
])('refuses the coordinators "%.20s"', (text) => {
  expect(problemsOf([], { ...enough, SKEIN_COORDINATOR: text })).toContain('SKEIN_COORDINATOR');
});

test('flags win over the environment', () => {
  const config = readConfig(['--slots', '9', '--labels', 'gpu=yes, zone=a'], { ...enough, SKEIN_SLOTS: '2' });
  expect(config).toMatchObject({ slots: 9, labels: { gpu: 'yes', zone: 'a' } });
  expect(problemsOf(['--what'], enough)).toContain('--what');
});

test('takes the name that certificates of coordinators must have', () => {
  expect(readConfig([], { ...enough, SKEIN_TLS: '1', SKEIN_TLS_NAME: 'coordinator' }).tls).toEqual({
    serverName: 'coordinator',
  });
  expect(problemsOf([], { ...enough, SKEIN_TLS_NAME: 'a b' })).toContain('SKEIN_TLS_NAME');
});

test('says which token file it cannot read', () => {
  expect(problemsOf([], { SKEIN_COORDINATOR: 'a:1', SKEIN_JOIN_TOKEN_FILE: '/no/such/file' })).toContain(
    '/no/such/file',
  );
});

test('a printed configuration does not show the token', () => {
  const config = readConfig([], enough);
  expect(JSON.stringify(config) + inspect(config) + String(config.joinToken)).not.toContain('join-secret');
});

test('steps see a few named variables only', () => {
  const config = readConfig([], { ...enough, PATH: '/bin', OPENAI_API_KEY: 'k' });
  expect(config.stepEnv).toEqual({ PATH: '/bin' });
});

test("only what is named as a secret can be read by a task, and never the worker's own variables", () => {
  const environment = {
    ...enough,
    OPENAI_API_KEY: 'k1',
    SKEIN_SECRET_GITHUB: 'k2',
    DATABASE_URL: 'k3',
    HOME: '/home/me',
    SKEIN_SECRETS: 'DATABASE_URL, SKEIN_JOIN_TOKEN',
    SKEIN_OTHER_API_KEY: 'k4',
  };
  const { values } = readConfig([], environment).secrets;
  expect(values.reveal()).toEqual({ OPENAI_API_KEY: 'k1', GITHUB: 'k2', DATABASE_URL: 'k3' });
  expect(inspect(values) + String(values) + JSON.stringify({ values })).not.toMatch(/k[1-4]/);
});

test('coordinators may be given in either variable, or both', () => {
  const { SKEIN_COORDINATOR: _one, ...rest } = { ...enough } as Record<string, string>;
  expect(readConfig([], { ...rest, SKEIN_COORDINATORS: 'a:1, b:2' }).coordinators).toEqual(['a:1', 'b:2']);
  expect(readConfig([], { ...rest, SKEIN_COORDINATOR: 'c:3', SKEIN_COORDINATORS: 'a:1,c:3' }).coordinators).toEqual([
    'c:3',
    'a:1',
  ]);
  expect(problemsOf([], rest)).toContain('SKEIN_COORDINATORS');
  const many = (letter: string) => Array.from({ length: 20 }, (_, n) => `${letter}${n}:1`).join(',');
  expect(problemsOf([], { ...rest, SKEIN_COORDINATOR: many('a'), SKEIN_COORDINATORS: many('b') })).toContain('32');
});
