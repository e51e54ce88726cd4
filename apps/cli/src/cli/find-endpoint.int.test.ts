import { chown, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { captureCli, runCommand } from '../../test/capture.ts';
import { writeEndpoint } from '../up/write-endpoint.ts';
import { findEndpoint, readEndpoint } from './find-endpoint.ts';

const project = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-find-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const data = join(dir, '.skein');
  await mkdir(join(dir, 'deep/er'), { recursive: true });
  await mkdir(data);
  await writeFile(join(data, 'admin-token'), 'from-file\n');
  const adminTokenFile = join(data, 'admin-token');
  await writeFile(
    join(data, 'endpoint.json'),
    JSON.stringify({ http: 'http://127.0.0.1:1', grpc: '127.0.0.1:2', adminTokenFile }),
  );
  return { dir, data };
};

test('flags win over variables, variables over the data folder', async () => {
  const { dir } = await project();
  const env = { SKEIN_URL: 'http://env', SKEIN_TOKEN: 'env' };
  expect(await findEndpoint(captureCli({ env, cwd: dir }).cli, { url: 'http://flag', token: 'flag' })).toEqual({
    url: 'http://flag',
    token: 'flag',
  });
  expect(await findEndpoint(captureCli({ env, cwd: dir }).cli, {})).toEqual({ url: 'http://env', token: 'env' });
});

test('a token of a data folder goes to its own coordinator only', async () => {
  const { dir, data } = await project();
  const find = (url: string, env = {}) => findEndpoint(captureCli({ env, cwd: dir }).cli, { url });
  expect(await find('http://127.0.0.1:1/')).toEqual({ url: 'http://127.0.0.1:1/', token: 'from-file', folder: data });
  for (const url of ['http://127.0.0.1:2', 'http://evil', 'nonsense']) expect(await find(url)).toEqual({ url });
  const byVariable = captureCli({ env: { SKEIN_URL: 'http://evil' }, cwd: dir }).cli;
  expect(await findEndpoint(byVariable, {})).toEqual({ url: 'http://evil' });
});

test.skipIf(process.getuid?.() !== 0)('an endpoint file of another user is not followed', async () => {
  const { dir, data } = await project();
  await chown(join(data, 'endpoint.json'), 12_345, 12_345);
  await expect(findEndpoint(captureCli({ cwd: dir }).cli, {})).rejects.toMatchObject({ code: 'permission_denied' });
});

test('finds the data folder from the project, from inside it, and by name', async () => {
  const { dir, data } = await project();
  const found = { url: 'http://127.0.0.1:1', token: 'from-file', folder: data };
  expect(await findEndpoint(captureCli({ cwd: dir }).cli, {})).toEqual(found);
  expect(await findEndpoint(captureCli({ cwd: join(dir, 'deep/er') }).cli, {})).toEqual(found);
  expect(await findEndpoint(captureCli({ cwd: '/' }).cli, { data })).toEqual(found);
  expect(await findEndpoint(captureCli({ cwd: '/' }).cli, { project: dir })).toEqual(found);
  expect(await findEndpoint(captureCli({ cwd: '/', env: { SKEIN_DATA: data } }).cli, {})).toEqual(found);
});

test('a named data folder wins over the variables of another coordinator', async () => {
  const { data } = await project();
  const { cli } = captureCli({ env: { SKEIN_URL: 'http://env' } });
  expect((await findEndpoint(cli, { data })).url).toBe('http://127.0.0.1:1');
});

test('whoever reads the endpoint while it is replaced reads all of the old one, and only its owner may', async () => {
  const { data } = await project();
  const path = join(data, 'endpoint.json');
  const reader = await open(path);
  await writeEndpoint(path, { http: 'http://127.0.0.1:3', grpc: '127.0.0.1:4', adminTokenFile: 'x' });
  expect(await reader.readFile('utf8')).toContain('127.0.0.1:1');
  await reader.close();
  expect((await readEndpoint(path))?.http).toBe('http://127.0.0.1:3');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readdir(data)).toSorted()).toEqual(['admin-token', 'endpoint.json']);
});

test('nothing to be found is 3, and says where it looked', async () => {
  const { code, err } = await runCommand(['runs'], { cwd: tmpdir() });
  expect(code).toBe(3);
  expect(err).toContain('skein up');
});

test('a coordinator that does not answer is 3, an endpoint file that is damaged 2', async () => {
  const { dir, data } = await project();
  expect((await runCommand(['workers'], { cwd: dir })).code).toBe(3);
  await writeFile(join(data, 'endpoint.json'), '{"http":');
  expect((await runCommand(['workers'], { cwd: dir })).code).toBe(2);
});
