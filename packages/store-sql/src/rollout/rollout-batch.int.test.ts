import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import type { AppendRequest, RolloutChange, RolloutStore } from '@skein/ports';
import { changeTo, creating, ending, rolloutRecord } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAppendUnits } from '../run-log/append-unit.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import { insertUnit, updateUnit } from './rollout-units.ts';
import { createSqlRolloutStore } from './sql-rollout-store.ts';

let folder = '';
let database: OpenDatabase;
let rollouts: RolloutStore;
let commits = 0;
let names = 0;
const record = rolloutRecord();
const rollback = ending(record, 'rolled_back');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-rollout-batch-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const { committer, queries } = database;
  rollouts = createSqlRolloutStore({ committer, queries, writer: 'w' });
  await committer.thread.query(
    `insert into agent_active (tenant, agent_id, version_id) values ('${tenant}', 'triage', 'sha256:stable')`,
    [],
  );
  await rollouts.insert(changeTo(record, 'created'));
  commits = 0;
  const { thread } = committer;
  const ask = thread.ask.bind(thread);
  thread.ask = (task) => {
    if (task.type === 'commit') commits += 1;
    return ask(task);
  };
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Sends a unit under a key of its own: a batch is run in the order of the keys. */
const send = (key: string, unit: WriteUnit): Promise<UnitOutcome> => database.committer.commit({ ...unit, key });

const name = (): string => {
  names += 1;
  return `test.${names}`;
};

/** An admission that was prepared while the rollout was live. */
const admit = async (key: string, request: AppendRequest): Promise<'admitted' | 'refused'> => {
  const { unit, outcomeOf } = createAppendUnits(database.queries)(
    { ...request, expectsRevision: 1 },
    name(),
    undefined,
  );
  const outcome = await send(key, unit);
  try {
    expect(outcomeOf(outcome)).toEqual({ status: 'appended' });
    return 'admitted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'version_conflict' });
    return 'refused';
  }
};

const write = async (key: string, change: RolloutChange): Promise<string> => {
  const { unit, outcomeOf } = updateUnit(database.queries, change, name());
  return outcomeOf(await send(key, unit)).status;
};

test.each([
  ['before', 'a', 'b'],
  ['behind', 'b', 'a'],
])(
  'an admission %s a rollback in one batch is durable with it, and none is after it (I7, O4)',
  async (_, admission, ends) => {
    const both = [
      admit(admission, creating('run_1')),
      write(ends, rollback),
      admit(`${admission}2`, creating('run_2')),
    ];
    expect(await Promise.all(both)).toEqual(['admitted', 'updated', 'admitted']);
    expect(commits).toBe(1);
    for (const key of ['a', 'c']) expect(await admit(key, creating(`run_late_${key}`))).toBe('refused');
  },
);

test.each([
  ['before a rollback is admitted', 'a', 'b', ['admitted', 'updated']],
  ['behind a rollback is refused', 'b', 'a', ['refused', 'updated']],
] as const)(
  'in a batch that fails and is repeated one by one, an admission %s (I7)',
  async (_, admission, ends, expected) => {
    const bad = send('z', { key: '', guards: [], writes: [{ sql: 'insert into no_table values (1)', params: [] }] });
    const both = Promise.all([admit(admission, creating('run_1')), write(ends, rollback)]);
    await expect(bad).rejects.toMatchObject({ code: 'internal' });
    expect(await both).toEqual(expected);
    expect(commits).toBe(1);
  },
);

test('an admission in the batch after a rollback, sent before it was answered, is refused (I7)', async () => {
  const first = write('b', rollback);
  // The next batch is sent while the first is under way.
  await new Promise((resolve) => setImmediate(resolve));
  const second = admit('a', creating('run_1'));
  expect(await Promise.all([first, second])).toEqual(['updated', 'refused']);
  expect(commits).toBe(2);
});

test('what admissions ask once for a batch is changed by writes alone, never by a guard', () => {
  const activates = { versionId: 'x', expected: 'y' };
  const units = [
    insertUnit(database.queries, changeTo(record), name()).unit,
    updateUnit(database.queries, { ...rollback, activates }, name()).unit,
  ];
  const raising = /^insert into "project"/;
  for (const { guards, writes } of units) {
    expect(guards.filter(({ sql }) => raising.test(sql))).toEqual([]);
    expect(writes.filter(({ sql }) => raising.test(sql))).toHaveLength(1);
  }
});

test('one start and one activation in a batch: whichever is first wins, and the versions agree (I1 I6)', async () => {
  await rollouts.update(rollback);
  const start = async (key: string) => {
    const { unit, outcomeOf } = insertUnit(database.queries, changeTo({ ...record, id: 'rol_2' }, 'created'), name());
    return outcomeOf(await send(key, unit)).status;
  };
  const promote = (key: string) =>
    write(key, {
      ...ending({ ...record, id: 'rol_2' }, 'completed'),
      activates: { versionId: 'sha256:candidate', expected: 'sha256:stable' },
    });
  expect(await Promise.all([start('a'), promote('b')])).toEqual(['inserted', 'updated']);
  expect((await rollouts.find(tenant, 'rol_2'))?.status).toBe('completed');
  const { rows } = await database.reader.query('select version_id from agent_active', []);
  expect(rows).toEqual([{ version_id: 'sha256:candidate' }]);
});
