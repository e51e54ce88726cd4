import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createSecretSource } from './create-secret-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'skein-secret-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a value from the environment wins over a file, and a file is read at each request', async () => {
  const source = createSecretSource({ BOTH: 'environment' }, folder);
  writeFileSync(join(folder, 'BOTH'), 'file');
  writeFileSync(join(folder, 'ROTATED'), 'old\n');
  expect(await source.read('BOTH')).toBe('environment');
  expect(await source.read('ROTATED')).toBe('old');
  writeFileSync(join(folder, 'ROTATED'), 'new\r\n');
  expect(await source.read('ROTATED')).toBe('new');
});

test.each(['NOBODYS', '../passwd', 'a/b', '', '.hidden', 'constructor', 'x'.repeat(200), 'BOTH\0'])(
  'the name %j has no value here',
  async (name) => {
    expect(await createSecretSource({}, join(folder, 'nowhere')).read(name)).toBeUndefined();
    expect(await createSecretSource({}).read(name)).toBeUndefined();
  },
);

test('what is no readable file of a sane size is a typed refusal that quotes nothing of it', async () => {
  mkdirSync(join(folder, 'FOLDER'));
  writeFileSync(join(folder, 'HUGE'), 'x'.repeat(64 * 1024 + 1));
  for (const name of ['FOLDER', 'HUGE'])
    await expect(createSecretSource({}, folder).read(name)).rejects.toMatchObject({ code: 'permission_denied' });
});
