import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../test/capture.ts';
import { problem, scriptedApi } from '../../test/scripted-api.ts';

test('names the process of a coordinator that was found in a data folder', async () => {
  const data = await mkdtemp(join(tmpdir(), 'skein-doctor-'));
  const api = await scriptedApi({
    'GET /readyz': { status: 'ready', checks: {} },
    'GET /api/workers': { items: [], nextCursor: null },
  });
  onTestFinished(async () => {
    api.close();
    await rm(data, { recursive: true, force: true });
  });
  const adminTokenFile = join(data, 'admin-token');
  await writeFile(adminTokenFile, 'tok\n');
  await writeFile(join(data, 'endpoint.json'), JSON.stringify({ http: api.url, grpc: '127.0.0.1:2', adminTokenFile }));
  const coordinator = async () => /coordinator +(.*)/.exec((await runCommand(['doctor', '--data', data])).out)?.[1];
  expect(await coordinator()).toBe(api.url);
  await writeFile(join(data, 'lock.pid'), '4711\n');
  expect(await coordinator()).toBe(`${api.url}, pid 4711`);
});

test('asks each coordinator by itself, and names the store when that is what none of them can use', async () => {
  const away = { status: 'not_ready', checks: { store: { ok: false }, shards: { ok: false } } };
  const refused = problem(503, 'unavailable', 'PostgreSQL cannot be reached');
  const apis = [
    await scriptedApi({ 'GET /readyz': { problem: { ...away, status: 503 } }, 'GET /api/workers': refused }),
    // This one answers nobody who shows a token: it cannot look it up.
    await scriptedApi({ 'GET /readyz': [refused, away], 'GET /api/workers': refused }),
  ];
  const gone = await scriptedApi({});
  gone.close();
  onTestFinished(() => apis.forEach((api) => api.close()));
  const urls = [...apis.map(({ url }) => url), gone.url];
  const env = { SKEIN_URL: urls.join(','), SKEIN_TOKEN: 'tok' };
  const { code, out } = await runCommand(['doctor', '--json'], { env });
  const { checks } = JSON.parse(out) as { checks: { name: string; ok: boolean; detail: string; optional?: boolean }[] };
  const found = checks.filter(({ name }) => ['coordinator', 'store', 'workers'].includes(name));
  expect(found.map(({ name, ok, detail, optional = false }) => [name, ok, detail, optional])).toEqual([
    ['coordinator', true, urls[0], false],
    ['coordinator', true, urls[1], false],
    ['coordinator', false, expect.stringContaining(`cannot reach the coordinator at ${gone.url}`), false],
    ['store', false, `cannot be used by ${urls[0]}, ${urls[1]}`, false],
    ['workers', false, 'cannot be listed: PostgreSQL cannot be reached', true],
  ]);
  expect(checks.filter(({ name }) => name === 'readiness')).toHaveLength(2);
  expect(code).toBe(1);
});
