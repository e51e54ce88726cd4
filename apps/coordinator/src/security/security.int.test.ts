import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, offlineModel } from '@skein/sdk';
import { environmentSecrets } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { composeCoordinator } from '../compose.ts';
import { readConfig } from '../config.ts';
import { readPrivateFile } from '../private-files.ts';

const value = 'hunter2-of-the-database';
const dag = 'params:\n  body: { type: object, default: {} }\nsteps:\n  - id: a\n    type: noop\n';

const start = async (dir: string, env: { readonly [name: string]: string } = {}) => {
  const config = readConfig(['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'], { SKEIN_DATA: dir, ...env });
  if (!config.ok) throw new Error(config.error.join('\n'));
  const log = createMemoryLog();
  const running = await composeCoordinator(
    { ...config.value, autoModel: offlineModel, secrets: { values: environmentSecrets({}) } },
    log,
  );
  const token = (await readPrivateFile(config.value.adminTokenFile)) ?? '';
  const as = (each: string) => createClient({ url: running.http, token: each, retry: { attempts: 1 } });
  return { ...running, log, admin: as(token), as };
};

const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-security-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'done',
    (thrown: unknown) => (thrown as { readonly code?: string }).code,
  );

test('roles hold, and the audit log says who did what, also after a restart', async () => {
  const dir = await folder();
  const first = await start(dir);
  await first.admin.apply({ files: [{ path: 'dags/a.yaml', bytes: Buffer.from(dag) }], activate: true });
  const viewer = await first.admin.tokens.create({ kind: 'api', name: 'board', role: 'viewer' });
  const operator = await first.admin.tokens.create({ kind: 'api', name: 'ci', role: 'operator' });
  expect(await codeOf(first.as(viewer.token).runs.submit({ dag: 'a' }))).toBe('permission_denied');
  expect(await codeOf(first.as(viewer.token).runs.list())).toBe('done');
  const { run } = await first.as(operator.token).runs.submit({ dag: 'a' });
  expect(await codeOf(first.as(operator.token).tokens.list())).toBe('permission_denied');
  await first.stop();

  const again = await start(dir);
  onTestFinished(() => again.stop());
  const listed = await again.admin.tokens.list();
  expect(listed.map(({ name, role }) => [name, role])).toEqual(
    expect.arrayContaining([
      ['board', 'viewer'],
      ['ci', 'operator'],
      ['admin', 'admin'],
      ['default', undefined],
    ]),
  );
  const { items } = await again.admin.audit.list();
  const said = items.map(({ actor, action, target, outcome }) => [actor.name, action, target, outcome]);
  expect(said).toEqual([
    ['ci', 'GET /api/tokens', undefined, 'permission_denied'],
    ['ci', 'POST /api/runs', run.runId, 'done'],
    ['board', 'POST /api/runs', 'a', 'permission_denied'],
    ['admin', 'POST /api/tokens', operator.tokenId, 'done'],
    ['admin', 'POST /api/tokens', viewer.tokenId, 'done'],
    ['admin', 'POST /api/apply', undefined, 'done'],
    [undefined, 'start.create_token', expect.stringMatching(/^tok_/), 'done'],
    [undefined, 'start.create_token', expect.stringMatching(/^tok_/), 'done'],
  ]);
  expect(items.slice(-2).map(({ actor }) => actor)).toEqual(Array(2).fill({ kind: 'system', id: 'coordinator' }));
  const page = await again.admin.audit.list({ limit: 2 });
  const rest = await again.admin.audit.list({
    limit: 100,
    ...(page.nextCursor === undefined ? {} : { cursor: page.nextCursor }),
  });
  expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(items.map(({ id }) => id));
  expect((await again.admin.audit.list({ actor: operator.tokenId })).items).toHaveLength(2);
});

test('a stored secret and the secret of a trigger stand nowhere in plain, and survive a rotation of the key', async () => {
  const dir = await folder();
  const [old, fresh] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const first = await start(dir, { SKEIN_SECRETS_KEY: old });
  await first.admin.apply({ files: [{ path: 'dags/a.yaml', bytes: Buffer.from(dag) }], activate: true });
  await first.admin.secrets.set('DB', value);
  const trigger = await first.admin.triggers.create({ name: 'push', dag: 'a' });
  await first.stop();

  const both = await start(dir, { SKEIN_SECRETS_KEY: `${fresh},${old}` });
  expect(await both.admin.secrets.rotate()).toMatchObject({ rotated: 2, failed: [] });
  await both.stop();

  const last = await start(dir, { SKEIN_SECRETS_KEY: fresh });
  onTestFinished(() => last.stop());
  const key = Buffer.from(trigger.secret.slice('whsec_'.length), 'base64');
  const fire = async (id: string, body: string, sign = key) => {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const mac = createHmac('sha256', sign).update(`${id}.${timestamp}.${body}`).digest('base64');
    const response = await fetch(`${last.http}/api/triggers/${trigger.triggerId}`, {
      method: 'POST',
      headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` },
      body,
    });
    return { status: response.status, body: (await response.json()) as { runId: string } };
  };
  const started = await fire('msg_1', '{"ref":"main"}');
  expect(started.status).toBe(201);
  expect(await fire('msg_1', '{"ref":"main"}')).toEqual({ status: 200, body: { ...started.body, created: false } });
  expect((await fire('msg_1', '{"ref":"other"}')).status).toBe(409);
  expect((await fire('msg_2', '{}', randomBytes(32))).status).toBe(401);
  expect(await last.admin.runs.get(started.body.runId)).toMatchObject({ dag: 'a', params: { body: { ref: 'main' } } });
  await last.admin.triggers.revoke(trigger.triggerId);
  expect((await fire('msg_3', '{}')).status).toBe(401);

  const secretText = trigger.secret.slice('whsec_'.length);
  for (const name of await readdir(dir, { recursive: true })) {
    const bytes = await readFile(join(dir, name)).catch(() => Buffer.alloc(0));
    for (const text of [value, secretText, old, fresh]) expect(bytes.includes(text), name).toBe(false);
  }
  const said = JSON.stringify([first.log.lines, both.log.lines, last.log.lines, await last.admin.audit.list()]);
  for (const text of [value, secretText, old, fresh]) expect(said).not.toContain(text);
});

test('without a key, secrets and triggers say what is missing', async () => {
  const running = await start(await folder());
  onTestFinished(() => running.stop());
  expect(await codeOf(running.admin.secrets.set('DB', value))).toBe('unimplemented');
  expect(await codeOf(running.admin.triggers.create({ name: 'a', dag: 'a' }))).toBe('unimplemented');
  expect(await running.admin.secrets.list()).toEqual([]);
});
