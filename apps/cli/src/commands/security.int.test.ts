import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { scriptedApi } from '../../test/scripted-api.ts';

const at = '2026-11-02T03:04:05.000Z';
const page = (...items: object[]) => ({ items, nextCursor: null });

test('a token is made with a role, and lists say it', async () => {
  const token = { tokenId: 'tok_1', kind: 'api', role: 'viewer', name: 'board', createdAt: at };
  const api = await scriptedApi({
    'POST /api/tokens': { ...token, token: 'skt_x' },
    'GET /api/tokens': page(token),
  });
  onTestFinished(api.close);
  expect(await api.skein('tokens', 'create', 'board', '--role', 'viewer')).toMatchObject({ code: 0, out: 'skt_x\n' });
  expect(api.asked[0]?.body).toEqual({ kind: 'api', name: 'board', role: 'viewer' });
  expect((await api.skein('tokens')).out).toContain('viewer');
  expect((await api.skein('tokens', 'create', 'x', '--role', 'root')).code).toBe(2);
});

test('the audit log is read page after page up to the limit', async () => {
  const entry = (id: string) => ({
    id,
    at,
    actor: { kind: 'token', id: 'tok_1', name: 'ci' },
    action: 'POST /api/runs',
    target: id,
    outcome: 'done',
  });
  const api = await scriptedApi({
    'GET /api/audit': [{ items: [entry('run_1'), entry('run_2')], nextCursor: 'c1' }, page(entry('run_3'))],
  });
  onTestFinished(api.close);
  const { out } = await api.skein('audit', 'list', '--actor', 'tok_1', '--limit', '700');
  for (const run of ['run_1', 'run_2', 'run_3', 'ci', 'POST /api/runs']) expect(out).toContain(run);
  expect(api.asked.map(({ call }) => call)).toEqual([
    'GET /api/audit?actor=tok_1&limit=500',
    'GET /api/audit?actor=tok_1&limit=500&cursor=c1',
  ]);
});

test('a secret is read from a file, without its last line break, and never printed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'value'), 'hunter2\n');
  const secret = { name: 'DB', keyId: 'key_1', updatedAt: at, updatedBy: 'admin' };
  const api = await scriptedApi({
    'PUT /api/secrets/DB': secret,
    'GET /api/secrets': page(secret),
    'DELETE /api/secrets/DB': {},
    'POST /api/secrets/rotate': { keyId: 'key_2', rotated: 1, failed: [{ name: 'OLD', code: 'unavailable' }] },
  });
  onTestFinished(api.close);
  const set = await api.skein('secrets', 'set', 'DB', join(folder, 'value'));
  expect(set).toMatchObject({ code: 0, out: 'DB stored under key_1\n' });
  expect(api.asked[0]?.body).toEqual({ value: 'hunter2' });
  expect((await api.skein('secrets')).out).toContain('key_1');
  expect((await api.skein('secrets', 'remove', 'DB')).out).toBe('DB removed\n');
  const rotated = await api.skein('secrets', 'rotate');
  expect(rotated).toMatchObject({ code: 1, out: '1 sealed anew with key_2\nOLD could not be opened (unavailable)\n' });
  expect(await api.skein('secrets', 'set', 'DB', join(folder, 'none'))).toMatchObject({ code: 2 });
});

test('a trigger shows its address and its secret once', async () => {
  const trigger = {
    triggerId: 'trg_1',
    name: 'push',
    dag: 'build',
    params: { ref: '/ref' },
    createdAt: at,
    createdBy: 'admin',
  };
  const api = await scriptedApi({
    'POST /api/triggers': { ...trigger, secret: 'whsec_x' },
    'GET /api/triggers': page(trigger),
    'DELETE /api/triggers/trg_1': {},
  });
  onTestFinished(api.close);
  const made = await api.skein(
    'triggers',
    'create',
    'push',
    '--dag',
    'build',
    '--param',
    'ref=/ref',
    '--param',
    'all=',
  );
  expect(made.out).toBe(`${api.url}/api/triggers/trg_1\nwhsec_x\n`);
  expect(api.asked[0]?.body).toEqual({ name: 'push', dag: 'build', params: { ref: '/ref', all: '' } });
  expect((await api.skein('triggers')).out).toContain('push');
  expect((await api.skein('triggers', 'revoke', 'trg_1')).out).toBe('trg_1 revoked\n');
  expect((await api.skein('triggers', 'create', 'push', '--dag', 'build', '--param', 'x')).code).toBe(2);
});
