import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeEndpoint } from './write-endpoint.ts';

const endpoint = { http: 'http://127.0.0.1:1', grpc: '127.0.0.1:2', adminTokenFile: 'x' };

const emptyPath = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-write-endpoint-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'endpoint.json');
};

const isThere = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  );

test('a written endpoint is removed again; a second time, or one that is gone, does no harm', async () => {
  const path = await emptyPath();
  const remove = await writeEndpoint(path, endpoint);
  expect(await isThere(path)).toBe(true);
  await remove();
  expect(await isThere(path)).toBe(false);
  await remove();
});

test.each([
  ['of another address', { ...endpoint, http: 'http://127.0.0.1:3' }],
  ['of the same address', endpoint],
])('an endpoint %s that was written since is left to who wrote it', async (_, other) => {
  const path = await emptyPath();
  const remove = await writeEndpoint(path, endpoint);
  const removeOther = await writeEndpoint(path, other);
  await remove();
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(other);
  await removeOther();
  expect(await isThere(path)).toBe(false);
});
