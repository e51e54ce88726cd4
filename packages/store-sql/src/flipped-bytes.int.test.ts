import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DomainError, defaultTenant as tenant } from '@skein/domain';
import {
  createMemoryLog,
  createNodeHasher,
  createSeededRandom,
  createSequenceIds,
  creating,
  FakeClock,
  going,
  note,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from './open-sql-stores.ts';

const seed = 20_261_122;
const random = createSeededRandom(seed);

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-flip-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

let opened = 0;
const open = (): Promise<SqlStores> => {
  opened += 1;
  const deps = { clock: new FakeClock(), log: createMemoryLog(), hasher: createNodeHasher() };
  return openSqlStores({ dataDir, ids: createSequenceIds(7_000 + opened), ...deps });
};

const path = () => join(dataDir, 'skein.db');
const runId = (index: number) => `run_${index}`;
const textOf = (index: number) => `fact of ${runId(index)} `.repeat(20);
const count = 40;

const fill = async (): Promise<void> => {
  const stores = await open();
  const { runs } = stores;
  for (let index = 0; index < count; index += 1) {
    const create = creating(runId(index), { status: 'running' });
    await runs.append(create);
    await runs.append(going(create.head, [note(textOf(index))]));
  }
  await stores.close();
};

test('a flipped byte of the database file is found, or has hit nothing that counts: no run is read as empty, short or other [crash 23]', async () => {
  await fill();
  const whole = await readFile(path());
  const found = { opening: 0, reading: 0 };
  for (let round = 0; round < 8; round += 1) {
    const bytes = Buffer.from(whole);
    // Half of the rounds hit the middle of a text, where only our checksum looks; a page each, so that one opening meets several.
    const places = Array.from({ length: 4 }, () => {
      const text = bytes.indexOf(`fact of ${runId(random.integer(count))} `);
      return round % 2 === 0 ? text + 30 + random.integer(200) : 4_096 + random.integer(bytes.length - 4_096);
    });
    for (const place of places) bytes[place] = (bytes[place] ?? 0) ^ (1 << random.integer(8));
    await writeFile(path(), bytes);
    const when = `round ${round} of seed ${seed}, bytes ${places.join(', ')}`;
    const stores = await open().catch((error: DomainError) => error);
    if (!('runs' in stores)) {
      expect(stores.code, when).toBe('data_corrupt');
      found.opening += 1;
      continue;
    }
    for (let index = 0; index < count; index += 1) {
      const facts = await stores.runs.readFacts(tenant, runId(index), 0).catch((error: DomainError) => error);
      if (facts instanceof Error) {
        expect(facts.code, when).toBe('data_corrupt');
        found.reading += 1;
      } else expect(facts.slice(1), `${runId(index)} in ${when}`).toEqual([note(textOf(index))]);
    }
    // A file that is damaged may also not be closed well.
    await stores.close().catch(() => undefined);
    await rm(`${path()}-wal`, { force: true });
    await rm(`${path()}-shm`, { force: true });
  }
  // Each even round hit at least one text.
  expect(found.reading + found.opening).toBeGreaterThanOrEqual(4);
});

test('a flipped byte of a blob is found when it is read [crash 23]', async () => {
  const stores = await open();
  const { blobs } = stores;
  const bytes = new TextEncoder().encode('an output of a step');
  const digest = await blobs.put(tenant, bytes);
  const files = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  const file = files.find((entry) => entry.isFile());
  const blob = join(file?.parentPath ?? '', file?.name ?? '');
  const harmed = await readFile(blob);
  harmed[3] = (harmed[3] ?? 0) ^ 1;
  await writeFile(blob, harmed);
  await expect(blobs.get(tenant, digest)).rejects.toMatchObject({ code: 'digest_mismatch', details: { digest } });
  await blobs.put(tenant, bytes);
  expect(await blobs.get(tenant, digest)).toEqual(bytes);
  await stores.close();
});
