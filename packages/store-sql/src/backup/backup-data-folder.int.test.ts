import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  creating,
  FakeClock,
  going,
  note,
  sealed,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from '../open-sql-stores.ts';
import { backupDataFolder } from './backup-data-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-backup-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

let opened = 0;
const open = (name: string): Promise<SqlStores> => {
  opened += 1;
  const deps = { clock: new FakeClock(), log: createMemoryLog(), hasher: createNodeHasher() };
  return openSqlStores({ dataDir: join(folder, name), ids: createSequenceIds(3_000 + opened), ...deps });
};

const bytesOf = (text: string) => new TextEncoder().encode(text);

test('a copy that is taken while runs are written, pinned and collected has all that was acknowledged before, and goes on by itself', async () => {
  const stores = await open('data');
  const { runs, snapshots, blobs, logs } = stores;
  /** What was acknowledged, by run. */
  const acknowledged = new Map<string, { readonly seq: number; readonly blob: string }>();
  const needed = sealed('one', 'two');
  let working = true;
  const lane = async (index: number): Promise<void> => {
    for (let turn = 0; working; turn += 1) {
      if (turn > 20) {
        // Enough to copy; what is saved and collected meanwhile goes on.
        await snapshots.save(tenant, needed.digest, needed.manifest, needed.parts, 1);
        continue;
      }
      const runId = `run_${index}_${turn}`;
      const blob = await blobs.put(tenant, bytesOf(`output of ${runId}`));
      await snapshots.save(tenant, needed.digest, needed.manifest, needed.parts, 1);
      const create = creating(runId, { status: 'running', snapshotDigest: needed.digest });
      const outcome = await runs.append({ ...create, pinsSnapshot: needed.digest }).catch(() => undefined);
      if (outcome?.status !== 'appended') continue;
      acknowledged.set(runId, { seq: 1, blob });
      await runs.append(going(create.head, [note(runId)], { status: 'succeeded', finishedAt: 2 }));
      acknowledged.set(runId, { seq: 2, blob });
    }
  };
  const collect = async (): Promise<void> => {
    while (working) await snapshots.collect(Number.MAX_SAFE_INTEGER, 10);
  };
  logs.append({ tenant, runId: 'r', step: 's', attempt: 1 }, bytesOf('said before'));
  const work = [collect(), ...[0, 1].map(lane)];
  while (acknowledged.size < 12) await new Promise((resolve) => setImmediate(resolve));
  for (const round of [1, 2]) {
    const before = new Map(acknowledged);
    const report = await stores.backup?.(join(folder, `copy ${round}`));
    expect(report?.files).toBeGreaterThan(before.size);
    const copy = await open(`copy ${round}`);
    for (const [runId, { seq, blob }] of before) {
      expect((await copy.runs.readHead(tenant, runId))?.seq, runId).toBeGreaterThanOrEqual(seq);
      expect((await copy.runs.readFacts(tenant, runId, 0)).length, runId).toBeGreaterThanOrEqual(seq);
      expect(await copy.blobs.get(tenant, blob)).toEqual(bytesOf(`output of ${runId}`));
    }
    // What came while it was copied is there as a whole or not at all.
    for (const [runId, { blob }] of acknowledged) {
      if ((await copy.runs.readHead(tenant, runId)) !== undefined)
        expect(await copy.blobs.has(tenant, blob)).toBe(true);
    }
    for (const digest of await copy.snapshots.listDigests(tenant, 'sha256:', 9)) {
      const manifest = await copy.snapshots.find(tenant, digest);
      for (const part of manifest?.parts ?? [])
        expect(await copy.snapshots.readPart(tenant, part.digest)).toBeDefined();
    }
    const said = await copy.logs.read({ tenant, runId: 'r', step: 's', attempt: 1 }, 0, 100);
    expect(said.bytes).toEqual(bytesOf('said before'));
    const more = creating(`after ${round}`);
    expect(await copy.runs.append(more)).toEqual({ status: 'appended' });
    await copy.close();
  }
  working = false;
  await Promise.all(work);
  expect(await runs.readHead(tenant, 'after 1')).toBeUndefined();
  await stores.close();
  expect((await readdir(folder)).toSorted()).toEqual(['copy 1', 'copy 2', 'data']);
});

test('a folder that nobody has open is copied too; what is there already is never overwritten', async () => {
  const stores = await open('data');
  const create = creating('run_1');
  await stores.runs.append(create);
  await stores.close();
  const [data, target] = [join(folder, 'data'), join(folder, 'copy')];
  await backupDataFolder(data, target);
  await expect(backupDataFolder(data, target)).rejects.toMatchObject({ code: 'already_exists' });
  await expect(backupDataFolder(join(folder, 'none'), join(folder, 'other'))).rejects.toMatchObject({
    code: 'not_found',
  });
  expect(existsSync(join(folder, 'other'))).toBe(false);
  const copy = await open('copy');
  expect((await copy.runs.readHead(tenant, 'run_1'))?.seq).toBe(1);
  await copy.close();
});

test('a backup that cannot be written leaves nothing under its name', async () => {
  const stores = await open('data');
  await writeFile(join(folder, 'file'), 'no folder');
  await expect(stores.backup?.(join(folder, 'file', 'copy'))).rejects.toMatchObject({ code: 'unavailable' });
  await stores.close();
  expect((await readdir(folder)).toSorted()).toEqual(['data', 'file']);
});
