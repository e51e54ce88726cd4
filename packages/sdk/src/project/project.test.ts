import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { autoModelFrom } from './auto-model.ts';
import { readProjectFolder } from './read-project-folder.ts';

const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-project-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

test('reads what belongs to a project, sorted, with modes, and nothing else', async () => {
  const dir = await folder();
  await mkdir(join(dir, 'dags/deep'), { recursive: true });
  await mkdir(join(dir, '.skein'));
  await mkdir(join(dir, 'skills/node_modules'), { recursive: true });
  await writeFile(join(dir, 'dags/deep/b.yaml'), 'b');
  await writeFile(join(dir, 'dags/a.yaml'), 'a', { mode: 0o600 });
  await writeFile(join(dir, 'skein.yaml'), '');
  await writeFile(join(dir, 'README.md'), 'not mine');
  await writeFile(join(dir, '.skein/admin-token'), 'secret');
  await writeFile(join(dir, 'skills/node_modules/x'), 'no');
  await symlink('/etc/hostname', join(dir, 'dags/link.yaml'));
  const files = await readProjectFolder(dir);
  expect(files.map((file) => file.path)).toEqual(['dags/a.yaml', 'dags/deep/b.yaml', 'skein.yaml']);
  expect(files[0]?.mode).toBe(0o600);
});

test('says that a folder is no project, or is not there', async () => {
  const dir = await folder();
  await expect(readProjectFolder(dir)).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(readProjectFolder(join(dir, 'nothing'))).rejects.toThrow('does not exist');
});

test('auto is the provider whose key is set, and names the variable, not the key', () => {
  expect(autoModelFrom({})).toMatchObject({ provider: 'offline' });
  expect(autoModelFrom({ OPENAI_API_KEY: '' })).toMatchObject({ provider: 'offline' });
  const openai = autoModelFrom({ OPENAI_API_KEY: 'sk-1', OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', SKEIN_MODEL: 'm' });
  expect(openai).toEqual({
    provider: 'openai',
    model: 'm',
    secretName: 'OPENAI_API_KEY',
    baseUrl: 'http://127.0.0.1:1/v1',
  });
  const local = { SKEIN_MODEL_BASE_URL: 'http://127.0.0.1:1/v1', SKEIN_MODEL: 'm' };
  expect(autoModelFrom(local)).toEqual({ provider: 'openai-compatible', model: 'm', baseUrl: 'http://127.0.0.1:1/v1' });
  expect(autoModelFrom({ ...local, OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2' })).toMatchObject({
    provider: 'openai-compatible',
    secretName: 'OPENAI_API_KEY',
  });
  expect(autoModelFrom({ OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2' }).provider).toBe('anthropic');
});
