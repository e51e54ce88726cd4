import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { environmentSecrets, secretVariables } from './environment-secrets.ts';
import { createSecretSource } from './secret-source.ts';

const none = environmentSecrets({});

const setUp = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-secrets-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const folder = join(dir, 'secrets');
  await mkdir(folder);
  return { dir, folder };
};

test('variables with the prefix are secrets, and nothing else of the environment is', async () => {
  const environment = { SKEIN_SECRET_DB: 'canary', SKEIN_SECRET_: 'x', SKEIN_SECRET_EMPTY: '', HOME: '/root' };
  const values = environmentSecrets(environment);
  const source = createSecretSource(values);
  expect(await source.read('DB')).toBe('canary');
  for (const name of ['HOME', 'EMPTY', '', 'constructor', 'SKEIN_SECRET_DB']) {
    expect(await source.read(name)).toBeUndefined();
  }
  expect(secretVariables(environment)).toEqual(['SKEIN_SECRET_DB', 'SKEIN_SECRET_EMPTY']);
  expect(`${String(values)} ${JSON.stringify({ values })}`).not.toContain('canary');
});

test('a file is read at each request, without the line break at its end', async () => {
  const { folder } = await setUp();
  const source = createSecretSource(environmentSecrets({ SKEIN_SECRET_BOTH: 'environment' }), folder);
  await writeFile(join(folder, 'BOTH'), 'file');
  await writeFile(join(folder, 'ROTATED'), 'old\n\n');
  expect([await source.read('BOTH'), await source.read('ROTATED')]).toEqual(['environment', 'old\n']);
  await writeFile(join(folder, 'ROTATED'), 'new\r\n');
  expect(await source.read('ROTATED')).toBe('new');
  expect(await source.read('NOBODYS')).toBeUndefined();
  expect(await createSecretSource(none, join(folder, 'nowhere')).read('ROTATED')).toBeUndefined();
});

test('a link within the folder is followed, as mounted secrets need it; one that leads out is refused', async () => {
  const { dir, folder } = await setUp();
  await mkdir(join(folder, '..data'));
  await writeFile(join(folder, '..data', 'INSIDE'), 'mounted\n');
  await symlink(join('..data', 'INSIDE'), join(folder, 'INSIDE'));
  await writeFile(join(dir, 'private'), 'canary');
  await symlink(join(dir, 'private'), join(folder, 'OUTSIDE'));
  await mkdir(`${folder}-of-others`);
  await writeFile(join(`${folder}-of-others`, 'private'), 'canary');
  await symlink(join(`${folder}-of-others`, 'private'), join(folder, 'BESIDE'));
  const source = createSecretSource(none, folder);
  expect(await source.read('INSIDE')).toBe('mounted');
  await expect(source.read('BESIDE')).rejects.toMatchObject({ code: 'permission_denied' });
  const refused = source.read('OUTSIDE').catch((thrown: unknown) => thrown);
  expect(await refused).toMatchObject({ code: 'permission_denied' });
  expect(String(await refused)).not.toContain('canary');
});

test.each(['../private', 'a/b', '.hidden', '..', '', 'x'.repeat(200), 'A\0'])('%j names no file', async (name) => {
  const { dir, folder } = await setUp();
  await writeFile(join(dir, 'private'), 'canary');
  await writeFile(join(folder, '.hidden'), 'canary');
  expect(await createSecretSource(none, folder).read(name)).toBeUndefined();
});

test('a folder, and a file that is too large, are refused', async () => {
  const { folder } = await setUp();
  await mkdir(join(folder, 'FOLDER'));
  await writeFile(join(folder, 'HUGE'), 'x'.repeat(64 * 1024 + 1));
  const source = createSecretSource(none, folder);
  for (const name of ['FOLDER', 'HUGE'])
    await expect(source.read(name)).rejects.toMatchObject({ code: 'permission_denied' });
});

test('a worker also offers API keys and what it was told to, and never a variable of its own', () => {
  const environment = {
    OPENAI_API_KEY: 'k1',
    SKEIN_SECRET_GITHUB: 'k2',
    DATABASE_URL: 'k3',
    SKEIN_JOIN_TOKEN: 'k4',
    SKEIN_OTHER_API_KEY: 'k5',
  };
  const values = environmentSecrets(environment, { apiKeys: true, named: 'DATABASE_URL, SKEIN_JOIN_TOKEN' });
  expect(values.reveal()).toEqual({ OPENAI_API_KEY: 'k1', GITHUB: 'k2', DATABASE_URL: 'k3' });
});
