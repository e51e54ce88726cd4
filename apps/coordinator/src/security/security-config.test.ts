import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { defaultSecurity, readSecurity } from './security-config.ts';

const problemsOf = (env: { readonly [name: string]: string }) => {
  const read = readSecurity(env);
  return read.ok ? [] : read.error;
};

test('with nothing set it is the default', () => {
  expect(readSecurity({})).toEqual({ ok: true, value: defaultSecurity });
});

test('rates, origins, retention and keys are read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-keys-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'keys');
  writeFileSync(path, `${randomBytes(32).toString('base64')}\n${randomBytes(32).toString('base64')}\n`);
  const read = readSecurity({
    SKEIN_HTTP_RATE_TOKEN: '600/60',
    SKEIN_HTTP_CORS_ORIGINS: 'https://a.example, http://localhost:5173',
    SKEIN_HTTP_TRUST_FORWARDED: '1',
    SKEIN_AUDIT_RETENTION_DAYS: '0',
    SKEIN_SECRETS_KEY_FILE: path,
    SKEIN_WEBHOOK_PUBLIC_ONLY: '1',
  });
  if (!read.ok) throw new Error(read.error.join());
  expect(read.value).toMatchObject({
    guard: {
      ...defaultSecurity.guard,
      perToken: { requests: 600, seconds: 60 },
      corsOrigins: ['https://a.example', 'http://localhost:5173'],
      trustForwarded: true,
    },
    auditRetentionMs: 0,
    guardWebhooks: true,
  });
  expect(read.value.sealingKeys).toHaveLength(2);
});

test.each([
  [{ SKEIN_HTTP_RATE_TOKEN: '600' }, 'SKEIN_HTTP_RATE_TOKEN'],
  [{ SKEIN_HTTP_RATE_FAILURES: '0/60' }, 'SKEIN_HTTP_RATE_FAILURES'],
  [{ SKEIN_HTTP_CORS_ORIGINS: '*' }, 'SKEIN_HTTP_CORS_ORIGINS'],
  [{ SKEIN_HTTP_CORS_ORIGINS: 'https://a.example/path' }, 'SKEIN_HTTP_CORS_ORIGINS'],
  [{ SKEIN_AUDIT_RETENTION_DAYS: '-1' }, 'SKEIN_AUDIT_RETENTION_DAYS'],
  [{ SKEIN_SECRETS_KEY: 'too-short-but-secret' }, 'SKEIN_SECRETS_KEY'],
  [{ SKEIN_SECRETS_KEY_FILE: '/nowhere/key' }, 'SKEIN_SECRETS_KEY_FILE'],
  [{ SKEIN_SECRETS_KEY: 'a', SKEIN_SECRETS_KEY_FILE: 'b' }, 'give one of them'],
])('refuses %j and repeats no key', (env, said) => {
  const problems = problemsOf(env as { [name: string]: string });
  expect(problems.join()).toContain(said);
  expect(problems.join()).not.toContain('too-short-but-secret');
});
