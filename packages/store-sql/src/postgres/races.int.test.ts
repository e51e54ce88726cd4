import { type AgentContent, type DeliveryEvent, defaultTenant } from '@skein/domain';
import type { Meter } from '@skein/ports';
import {
  createNodeHasher,
  createSequenceIds,
  creating,
  deliveryEvent,
  digestOf,
  exposing,
  going,
  note,
  type PostgresDatabase,
  startPostgres,
} from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, freshSchema, openStores, type Sql } from '../../test/postgres-harness.ts';
import type { SqlStores } from '../open-sql-stores.ts';

let database: PostgresDatabase;
const schema = freshSchema();
let sql: Sql;
/** Two coordinators over one database. */
let both: readonly [SqlStores, SqlStores];
/** Why batches were repeated, and how often. */
const repeated = new Map<string, number>();
const ids = createSequenceIds(81);
const hasher = createNodeHasher();

const meter: Meter = {
  count: (name, by = 1, { why = '' } = {}) =>
    repeated.set(`${name} ${why}`, (repeated.get(`${name} ${why}`) ?? 0) + by),
  gauge: () => {},
  observe: () => {},
};

beforeAll(async () => {
  database = await startPostgres();
  sql = await connect(database.url);
  const deps = { url: database.url, schema, meter };
  both = await Promise.all([openStores(deps), openStores(deps)]);
});

afterAll(async () => {
  await Promise.all(both.map((stores) => stores.close()));
  await sql.end();
  await database.stop();
});

const times = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** Each in turn at one of the two. */
const at = (index: number): SqlStores => both[index % 2] as SqlStores;

const until = async (what: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 10_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not come to this');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('of two appends to one head exactly one wins, however many heads there are', async () => {
  const runs = times(60).map(() => creating(ids.next('run')));
  await Promise.all(runs.map((run, index) => at(index).runs.append(run)));
  const outcomes = await Promise.all(
    runs.flatMap(({ head }) => both.map((stores, index) => stores.runs.append(going(head, [note(`by ${index}`)])))),
  );
  const pairs = runs.map((_, index) => [outcomes[index * 2]?.status, outcomes[index * 2 + 1]?.status].toSorted());
  expect(pairs).toEqual(runs.map(() => ['appended', 'conflict']));
  for (const [index, { runId }] of runs.entries()) {
    const winner = outcomes[index * 2]?.status === 'appended' ? 0 : 1;
    const facts = await at(index).runs.readFacts(defaultTenant, runId, 1);
    expect(facts).toMatchObject([{ message: `by ${winner}` }]);
  }
});

test('a run with an idempotency key is created once, and all that ask for it are told which it is', async () => {
  const keys = times(30).map((index) => ({ key: `key ${index}`, bodyDigest: 'body' }));
  const asked = keys.flatMap((idempotency) =>
    times(4).map((index) => ({ index, request: creating(ids.next('run'), { creation: { idempotency } }) })),
  );
  // In another order at each of the two, so that they would wait for one another.
  const order = [
    ...asked.filter(({ index }) => index % 2 === 0),
    ...asked.filter(({ index }) => index % 2 === 1).toReversed(),
  ];
  const outcomes = new Map(
    await Promise.all(
      order.map(async ({ index, request }) => [request.runId, await at(index).runs.append(request)] as const),
    ),
  );
  for (const [place] of keys.entries()) {
    const mine = asked.slice(place * 4, place * 4 + 4).map(({ request }) => request.runId);
    const winners = mine.filter((runId) => outcomes.get(runId)?.status === 'appended');
    expect(winners).toHaveLength(1);
    for (const runId of mine) {
      if (runId === winners[0]) continue;
      expect(outcomes.get(runId)).toEqual({ status: 'duplicate', runId: winners[0], sameBody: true });
    }
  }
});

test('no admission is committed after the project has changed from what it was decided on', async () => {
  const [one, other] = both;
  const admission = { ...creating(ids.next('run')), expectsRevision: await one.projects.revision(defaultTenant) };
  const blocker = await connect(database.url);
  // The admission has asked for the revision, and cannot write its facts yet.
  await blocker.rows(`begin; lock table "${schema}".run_log in exclusive mode`);
  const admitted = one.runs.append(admission);
  const waiting = async (what: string): Promise<boolean> =>
    (await sql.rows(`select 1 from pg_locks where not granted and ${what}`)).length > 0;
  await until(() => waiting(`locktype = 'relation'`));
  let raised = false;
  const raise = other.rollouts
    .setFreeze(defaultTenant, 'triage', { agentId: 'triage', at: 1, by: { actor: 'ann' } } as never)
    .then(() => {
      raised = true;
    });
  await until(async () => raised || (await waiting(`locktype = 'advisory'`)));
  // The change waits for the admission, which was decided on what was before it.
  expect(raised).toBe(false);
  await blocker.rows('commit');
  await blocker.end();
  await raise;
  expect((await admitted).status).toBe('appended');
  await expect(one.runs.append({ ...creating(ids.next('run')), expectsRevision: 0 })).rejects.toMatchObject({
    code: 'version_conflict',
  });
});

test('units of a rollout have numbers without holes, and whoever sees a number has seen all before it', async () => {
  const seen: number[] = [];
  let done = false;
  const reading = (async () => {
    for (let last = false; ; last = done) {
      for (const unit of await at(0).rollouts.readUnits(defaultTenant, 'rol_1', seen.at(-1) ?? 0, 1_000))
        seen.push(unit.seq);
      if (last) return;
    }
  })();
  await Promise.all(
    times(200).map((index) => at(index).runs.append({ ...creating(ids.next('run')), exposures: [exposing(index)] })),
  );
  done = true;
  await reading;
  expect(seen).toEqual(times(200).map((index) => index + 1));
});

test('events have numbers without holes, and whoever sees a number has seen all before it', async () => {
  const seen: number[] = [];
  let done = false;
  const reading = (async () => {
    for (let after = 0, last = false; ; last = done) {
      const { items, next } = await at(1).delivery.readEvents(defaultTenant, after, 1_000);
      for (const { seq } of items) seen.push(seq);
      after = next;
      if (last) return;
    }
  })();
  const events = times(120).map((index): DeliveryEvent => deliveryEvent(`item ${index}`));
  await Promise.all(
    events.map((event, index) =>
      index % 3 === 0
        ? at(index).delivery.appendEvents([event])
        : at(index).runs.append({ ...creating(ids.next('run')), events: [event] }),
    ),
  );
  done = true;
  await reading;
  expect(seen).toEqual(times(120).map((index) => index + 1));
});

const agentOf = (instructions: string) => {
  const content: AgentContent = {
    agentId: 'triage',
    description: 'an agent',
    instructions,
    model: digestOf(1),
    skills: {},
    tools: digestOf(2),
    limits: {},
    subAgents: {},
  };
  return { versionId: hasher.digest(JSON.stringify(content)), content };
};

const nothing = { tenant: defaultTenant, dags: [], parts: [], candidates: [], subDags: [], memory: [], at: 1_000 };

test('versions that are published at the same time have numbers of their own', async () => {
  const before = await at(0).projects.revision(defaultTenant);
  const agents = times(20).map((index) => agentOf(`say ${index}`));
  const results = await Promise.all(
    agents.map((agent, index) => at(index).projects.publish({ ...nothing, agents: [agent], activate: ['triage'] })),
  );
  const aliases = results.map(({ agents: [agent] }) => agent?.alias);
  expect(new Set(aliases)).toEqual(new Set(times(20).map((index) => `v${index + 1}`)));
  expect(await at(1).projects.revision(defaultTenant)).toBe(before + 20);
});

test('batches that count references to the same snapshots in another order do not wait for one another in a ring', async () => {
  const digests = times(8).map((index) => `sha256:${index}`);
  const rows = digests.map((digest) => `('default', '${digest}', '{}', 0, 0)`).join();
  await sql.rows(`insert into "${schema}".snapshot (tenant, digest, manifest, refs, last_used_at) values ${rows}`);
  const runs = times(200).map((index) =>
    creating(ids.next('run'), { snapshotDigest: digests[(index * 5) % 8] as string }),
  );
  await Promise.all(runs.map((run, index) => at(index).runs.append(run)));
  const counted = await sql.rows<{ refs: string }>(`select refs from "${schema}".snapshot`);
  expect(counted.map(({ refs }) => Number(refs))).toEqual(digests.map(() => 25));
  const ended = runs.map(({ head }) => going(head, [note('done')], { status: 'succeeded', finishedAt: 2_000 }));
  // By the one that does not remember the head, too.
  await Promise.all(ended.map((request, index) => at(index + (index % 3)).runs.append(request)));
  const left = await sql.rows<{ refs: string }>(`select refs from "${schema}".snapshot`);
  expect(left.map(({ refs }) => Number(refs))).toEqual(digests.map(() => 0));
  expect(Object.fromEntries(repeated)).toEqual({});
});

test('any number of processes bring a new schema up to this version at once', async () => {
  const fresh = freshSchema();
  const opened = await Promise.all(times(6).map(() => openStores({ url: database.url, schema: fresh })));
  const run = creating(ids.next('run'));
  expect(await opened[0]?.runs.append(run)).toEqual({ status: 'appended' });
  for (const stores of opened) expect(await stores.runs.readHead(defaultTenant, run.runId)).toEqual(run.head);
  await Promise.all(opened.map((stores) => stores.close()));
});
