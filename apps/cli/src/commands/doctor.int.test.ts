import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../test/capture.ts';
import { scriptedApi } from '../../test/scripted-api.ts';

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
