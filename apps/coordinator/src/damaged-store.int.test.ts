import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { composeCoordinator } from './compose.ts';
import { readConfig } from './config.ts';

const configOf = (dataDir: string, env: Record<string, string> = {}) => {
  const config = readConfig(['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--data', dataDir], env);
  if (!config.ok) throw new Error(config.error.join());
  return config.value;
};

test('a coordinator whose database was emptied does not start as if it were new, and begins anew only when told [crash 23]', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-damaged-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const log = createMemoryLog();
  await (await composeCoordinator(configOf(dataDir), log)).stop();
  await writeFile(join(dataDir, 'skein.db'), '');
  await expect(composeCoordinator(configOf(dataDir), log)).rejects.toMatchObject({ code: 'data_corrupt' });
  await expect(composeCoordinator(configOf(dataDir), log)).rejects.toMatchObject({ code: 'data_corrupt' });
  const told = configOf(dataDir, { SKEIN_SET_ASIDE_DAMAGED: '1' });
  await expect(composeCoordinator(told, log)).rejects.toMatchObject({
    code: 'data_corrupt',
    details: { setAside: expect.stringContaining('skein.db.damaged-') },
  });
  // Tokens of the lost store are nobody's: the start says so rather than to make them valid.
  await expect(composeCoordinator(configOf(dataDir), log)).rejects.toThrow(/token/);
  for (const name of ['admin-token', 'join-token']) await rm(join(dataDir, name));
  await (await composeCoordinator(configOf(dataDir), log)).stop();
  expect((await readdir(dataDir)).filter((name) => name.startsWith('skein.db.damaged-'))).not.toEqual([]);
});
