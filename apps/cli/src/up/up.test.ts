import { createCron } from '@skein/language';
import { expect, test } from 'vitest';
import { nextFires } from '../commands/schedule.ts';
import { readOptions } from '../quickstart/options.ts';
import { modelText } from '../quickstart/report.ts';
import { type ChildProgram, childEnv, credentialVariables, programEnv } from './child-env.ts';

test('children get the environment without what is meant for others; keys go to workers, other secrets to who keeps them', () => {
  const env = {
    PATH: '/bin',
    OPENAI_API_KEY: 'k',
    SKEIN_TOKEN: 't',
    SKEIN_URL: 'u',
    SKEIN_LOG_LEVEL: 'debug',
    SKEIN_SECRET_DB: 's',
    SKEIN_SECRETS: 'GITHUB_TOKEN, SKEIN_TOKEN',
    GITHUB_TOKEN: 'g',
    SKEIN_MEMORY_AGENT: 'off',
  };
  const common = { PATH: '/bin', SKEIN_LOG_LEVEL: 'debug' };
  const of = (program: ChildProgram, secretsAt: 'coordinator' | 'worker') =>
    childEnv(env, { SKEIN_DATA: '/d' }, { program, secretsAt });
  expect(of('scheduler', 'coordinator')).toEqual({ ...common, SKEIN_DATA: '/d' });
  expect(of('coordinator', 'coordinator')).toEqual({
    ...common,
    SKEIN_SECRET_DB: 's',
    SKEIN_MEMORY_AGENT: 'off',
    SKEIN_DATA: '/d',
  });
  expect(of('worker', 'coordinator')).toEqual({
    ...common,
    OPENAI_API_KEY: 'k',
    SKEIN_SECRETS: 'GITHUB_TOKEN, SKEIN_TOKEN',
    GITHUB_TOKEN: 'g',
    SKEIN_DATA: '/d',
  });
  expect(of('worker', 'worker')).toMatchObject({ OPENAI_API_KEY: 'k', SKEIN_SECRET_DB: 's' });
  expect(credentialVariables(env)).toEqual(['OPENAI_API_KEY', 'SKEIN_SECRET_DB', 'GITHUB_TOKEN']);
});

test('what the coordinator is to keep, for how long, and whom it tells, goes on to it alone', () => {
  const kept = {
    SKEIN_SNAPSHOT_RETENTION_HOURS: '1',
    SKEIN_RUN_RETENTION_DAYS: '2',
    SKEIN_EVENT_RETENTION_DAYS: '3',
    SKEIN_MAX_EVENTS: '400',
    SKEIN_SET_ASIDE_DAMAGED: '1',
    SKEIN_WEBHOOK_URLS: 'http://127.0.0.1:1',
    SKEIN_WEBHOOK_SECRET_FILE: '/secret',
  };
  const of = (program: ChildProgram) => childEnv(kept, {}, { program, secretsAt: 'coordinator' });
  expect(of('coordinator')).toEqual(kept);
  expect([of('worker'), of('scheduler')]).toEqual([{}, {}]);
});

test('a program that is run as it is gets its own variables, and of credentials only what it hands out', () => {
  const env = {
    PATH: '/bin',
    SKEIN_HTTP: ':1',
    OPENAI_API_KEY: 'k',
    SKEIN_SECRET_DB: 's',
    SKEIN_SECRETS: 'URL',
    URL: 'u',
  };
  const common = { PATH: '/bin', SKEIN_HTTP: ':1', SKEIN_SECRETS: 'URL' };
  expect(programEnv(env, 'scheduler')).toEqual(common);
  expect(programEnv(env, 'coordinator')).toEqual({ ...common, SKEIN_SECRET_DB: 's' });
});

test('previews fires across the change of the clocks', () => {
  const fires = nextFires(createCron(), '0 8 * * *', 'Europe/Berlin', Date.UTC(2026, 9, 24, 0, 0), 3);
  expect(fires).toEqual(['2026-10-24T06:00:00.000Z', '2026-10-25T07:00:00.000Z', '2026-10-26T07:00:00.000Z']);
});

test('the quickstart reads its flags, from where it was called', () => {
  expect(readOptions(['--repo', 'x', '--last', '7', '--json'], '/somewhere', '/clone')).toEqual({
    repo: '/somewhere/x',
    last: 7,
    json: true,
    keep: false,
  });
  for (const args of [['--last', '0'], ['--last', 'all'], ['--last', '5001'], ['--bogus'], ['x']]) {
    expect(() => readOptions(args, '/', '/')).toThrow();
  }
});

test('the quickstart says plainly that rules did the work', () => {
  const usage = { turns: 1, toolCalls: 0, inputTokens: 1, outputTokens: 1, schemaRepairs: 0 };
  const step = { id: 'a', status: 'succeeded' as const, attempt: 1, outputs: {} };
  expect(modelText([{ ...step, usage: { ...usage, model: 'offline/rules-1' } }])).toContain('no language model');
  expect(modelText([{ ...step, usage: { ...usage, model: 'openai/m' } }, step])).toBe('openai/m');
});

test('the key of secrets at rest goes to the coordinator and to nobody else, and hosts for requests to workers', () => {
  const env = {
    SKEIN_SECRETS_KEY: 'k',
    SKEIN_SECRETS_KEY_FILE: 'f',
    SKEIN_HTTP_ALLOW: '10.0.0.0/8',
    SKEIN_HTTP_RATE_TOKEN: '1/1',
  };
  const seen = (program: 'coordinator' | 'scheduler' | 'worker') =>
    Object.keys(childEnv(env, {}, { program, secretsAt: program === 'worker' ? 'worker' : 'coordinator' }));
  expect(seen('coordinator')).toEqual(['SKEIN_SECRETS_KEY', 'SKEIN_SECRETS_KEY_FILE', 'SKEIN_HTTP_RATE_TOKEN']);
  expect(seen('scheduler')).toEqual([]);
  expect(seen('worker')).toEqual(['SKEIN_HTTP_ALLOW']);
  expect(programEnv(env, 'scheduler')).not.toHaveProperty('SKEIN_SECRETS_KEY');
  expect(programEnv(env, 'coordinator')).toHaveProperty('SKEIN_SECRETS_KEY');
});
