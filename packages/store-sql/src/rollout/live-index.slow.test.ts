import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryLog, createNodeHasher, createSequenceIds, FakeClock } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores } from '../open-sql-stores.ts';
import { SqlThread } from '../thread/sql-thread.ts';

let dataDir = '';

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-live-index-'));
  await (await open()).close();
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

const open = () =>
  openSqlStores({
    dataDir,
    clock: new FakeClock(),
    ids: createSequenceIds(71),
    log: createMemoryLog(),
    hasher: createNodeHasher(),
    setAsideDamaged: true,
  });

const change = async (...statements: string[]): Promise<void> => {
  const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'writer' });
  for (const sql of statements) await thread.query(sql, []);
  await thread.close();
};

const drop = 'drop index rollout_live';
const create = (text: string) => `create ${text}`;

test.each([
  ['is gone', []],
  ['is not unique', [create("index rollout_live on rollout (tenant, agent_id) where status in ('active', 'paused')")]],
  ['knows no paused ones', [create("unique index rollout_live on rollout (tenant, agent_id) where status = 'active'")]],
  [
    'counts drafts',
    [create("unique index rollout_live on rollout (tenant, agent_id) where status in ('draft', 'active', 'paused')")],
  ],
  ['is over all rollouts', [create('unique index rollout_live on rollout (tenant, agent_id)')]],
  [
    'is over other columns',
    [create("unique index rollout_live on rollout (tenant, agent_id, id) where status in ('active', 'paused')")],
  ],
])(
  '[defect 33] [defect 49] stores are not opened when the index of live rollouts %s, and the data stays (I1, O1)',
  async (_, statements) => {
    await change(drop, ...statements);
    await expect(open()).rejects.toMatchObject({ code: 'internal', details: { index: 'rollout_live' } });
    await expect(open()).rejects.toMatchObject({ code: 'internal' });
  },
);

test('[defect 33] an index of the same meaning is enough, whatever its name and spelling', async () => {
  await change(
    drop,
    create(`unique index "Other" ON rollout ("tenant", agent_id) WHERE  "status" IN ( 'active','paused' )`),
  );
  await (await open()).close();
});
