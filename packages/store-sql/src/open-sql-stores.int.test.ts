import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant } from '@skein/domain';
import { createMemoryLog, createNodeHasher, createSequenceIds, creating, FakeClock, note } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeFlags, packageDir } from '../test/doomed-process.ts';
import { openSqlStores, type SqlStores } from './open-sql-stores.ts';

let dataDir = '';
let opened: SqlStores[] = [];
const ids = createSequenceIds(70);

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-open-'));
});

afterEach(async () => {
  await Promise.all(opened.map((stores) => stores.close()));
  opened = [];
  await rm(dataDir, { recursive: true, force: true });
});

const open = async (maxDatabaseBytes?: number): Promise<SqlStores> => {
  const deps = { dataDir, clock: new FakeClock(), ids, log: createMemoryLog(), hasher: createNodeHasher() };
  const stores = await openSqlStores(maxDatabaseBytes === undefined ? deps : { ...deps, maxDatabaseBytes });
  opened.push(stores);
  return stores;
};

test('a second opening is refused and names the process that has the folder', async () => {
  const first = await open();
  await expect(open()).rejects.toMatchObject({
    code: 'unavailable',
    message: `the data folder is in use by process ${process.pid}`,
    details: { pid: process.pid },
  });
  await first.close();
  await open();
});

test('another process is refused too, with the same typed error', async () => {
  await open();
  const child = `
    import { openSqlStores } from '@skein/store-sql';
    const ignore = () => {};
    const deps = {
      clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => ignore },
      ids: { next: (prefix) => prefix + Math.random() },
      log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      hasher: { digest: () => 'sha256:' },
    };
    const refused = await openSqlStores({ dataDir: process.argv[1], ...deps }).catch((error) => error);
    console.log(JSON.stringify({ code: refused.code, pid: refused.details?.pid }));
  `;
  const args = [...codeFlags, '--input-type=module', '-e', child, dataDir];
  const { stdout } = spawnSync(process.execPath, args, { cwd: packageDir, encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({ code: 'unavailable', pid: process.pid });
});

test('what a dead process left of its lock is no obstacle', async () => {
  await (await open()).close();
  await writeFile(join(dataDir, 'lock.pid'), '999999\n');
  await open();
  expect(await readFile(join(dataDir, 'lock.pid'), 'utf8')).toBe(`${process.pid}\n`);
});

test('a file that is no database is refused and left as it is', async () => {
  const text = 'this is not a database, and it is somebody else’s '.repeat(50);
  await writeFile(join(dataDir, 'skein.db'), text);
  await expect(open()).rejects.toMatchObject({ code: 'data_corrupt', details: { path: join(dataDir, 'skein.db') } });
  expect(await readFile(join(dataDir, 'skein.db'), 'utf8')).toBe(text);
  await rm(join(dataDir, 'skein.db'));
  await open();
});

test('a damaged page fails the reads that meet it, typed, and the process lives', async () => {
  const stores = await open();
  for (let index = 0; index < 200; index += 1) {
    await stores.runs.append(creating(ids.next('run'), { facts: [note('x'.repeat(2_000))] }));
  }
  await stores.close();
  const path = join(dataDir, 'skein.db');
  const bytes = await readFile(path);
  // All but the first pages, which hold the schema.
  bytes.fill(0xa5, 4_096 * 140);
  await writeFile(path, bytes);
  const again = await open();
  const page = await again.runs.listRuns({ tenant: defaultTenant, limit: 1_000 }).catch((error: unknown) => error);
  const facts = again.runs.readFacts(defaultTenant, ids.next('run'), 0).catch((error: unknown) => error);
  const count = await again.runs.countByStatus().catch((error: unknown) => error);
  expect([page, await facts, count]).toContainEqual(
    expect.objectContaining({ code: 'data_corrupt', message: 'the database file is damaged' }),
  );
});

test('a full disk refuses what does not fit, keeps all that was acknowledged, and goes on when there is room', async () => {
  const small = await open(600_000);
  const acknowledged: string[] = [];
  const refused: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const requests = Array.from({ length: 10 }, () => creating(ids.next('run'), { facts: [note('x'.repeat(9_000))] }));
    const settled = await Promise.allSettled(requests.map((request) => small.runs.append(request)));
    for (const [index, result] of settled.entries()) {
      const runId = requests[index]?.runId as string;
      if (result.status === 'fulfilled') acknowledged.push(runId);
      else {
        refused.push(runId);
        expect(result.reason).toMatchObject({ code: 'unavailable', details: { reason: 'disk_full' } });
      }
    }
  }
  expect(acknowledged.length).toBeGreaterThan(5);
  expect(refused.length).toBeGreaterThan(5);
  await small.close();
  const large = await open();
  for (const runId of acknowledged) expect(await large.runs.readFacts(defaultTenant, runId, 0)).toHaveLength(1);
  for (const runId of refused) expect(await large.runs.readHead(defaultTenant, runId)).toBeUndefined();
  expect(await large.runs.append(creating(refused[0] as string))).toEqual({ status: 'appended' });
});

test('a closed store refuses writes and settles those that came before', async () => {
  const stores = await open();
  const before = Array.from({ length: 30 }, () => stores.runs.append(creating(ids.next('run'))));
  const closed = stores.close();
  expect(await Promise.all(before)).toEqual(before.map(() => ({ status: 'appended' })));
  await closed;
  await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject({ code: 'unavailable' });
});
