import type { Coordinator } from '@skein/coordinator';
import { createCoordinator } from '@skein/coordinator';
import { defaultTenant, shardOf } from '@skein/domain';
import { openPostgresStores, type SqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import {
  createFakeExpressions,
  createMemoryLog,
  dagOf,
  type PostgresDatabase,
  publishProject,
  SimProcess,
  startPostgres,
  stepOf,
} from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const clock = createSystemClock();
const ids = createIdSource();
const hasher = createHasher();
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** Long enough that a slow answer of PostgreSQL to one of them is not taken for its death. */
const fleetTimes = { renewMs: 500, memberLeaseMs: 5_000 };

/** A coordinator that can be killed within this process: its timers die, and nothing it asks for is asked or answered. */
interface Member {
  readonly api: Coordinator;
  readonly process: SimProcess;
  readonly stores: SqlStores;
}

let database: PostgresDatabase;
const members = new Map<string, Member>();

const never = new Promise<never>(() => undefined);

/** The port as a process sees it that may be dead. */
const mortal = <T extends object>(port: T, process: SimProcess): T =>
  new Proxy(port, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (!process.alive) return never;
        const answer: unknown = (member as (...all: unknown[]) => unknown).apply(target, args);
        return answer instanceof Promise ? answer.then((value: unknown) => (process.alive ? value : never)) : answer;
      };
    },
  });

const start = async (coordinatorId: string): Promise<void> => {
  const process = new SimProcess(clock);
  const log = createMemoryLog();
  const stores = await openPostgresStores({ url: database.url, clock, log, ids, hasher });
  const ports = Object.fromEntries(
    Object.entries(stores).map(([name, port]) => [
      name,
      typeof port === 'object' && port !== null ? mortal(port as object, process) : port,
    ]),
  ) as unknown as SqlStores;
  const api = createCoordinator(
    {
      ...ports,
      clock: process.clock,
      ids,
      hasher,
      secrets: createSecrets(),
      log,
      meter,
      expressions: createFakeExpressions(),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
    },
    {
      coordinatorId,
      fleet: { incarnation: ids.next('ses'), peerAddress: '', workerAddress: '', ...fleetTimes },
    },
  );
  members.set(coordinatorId, { api, process, stores });
  await api.start();
};

const homes = async (): Promise<ReadonlyMap<number, string>> => {
  const [first] = [...members.values()].filter(({ process }) => process.alive);
  const rows = (await first?.stores.shards.readAll()) ?? [];
  return new Map(
    rows.flatMap(({ shard, coordinatorId }) => (coordinatorId === undefined ? [] : [[shard, coordinatorId]])),
  );
};

const until = async (holds: () => Promise<boolean>, limitMs = 60_000): Promise<void> => {
  const beganAt = clock.monotonicMs();
  while (!(await holds())) {
    if (clock.monotonicMs() - beganAt > limitMs) throw new Error(`it did not hold within ${limitMs} ms`);
    await clock.sleep(10);
  }
};

beforeAll(async () => {
  database = await startPostgres();
  await start('a');
  const [{ stores }] = [...members.values()] as [Member];
  await publishProject(stores.projects, hasher, defaultTenant, [dagOf([stepOf('a')], { name: 'one' })], 0);
  await start('b');
  await start('c');
});

afterAll(async () => {
  for (const { api, process } of members.values()) if (process.alive) await api.stop();
  for (const { stores } of members.values()) await stores.close();
  await database.stop();
});

test('on PostgreSQL the shards of a coordinator that died are driven by the others, each once, soon', async () => {
  const share = async (id: string): Promise<number> =>
    [...(await homes()).values()].filter((home) => home === id).length;
  let last = '';
  let same = 0;
  // Each has a share, and none has moved for many looks: they go on moving after each has some.
  await until(async () => {
    const now = JSON.stringify([...(await homes())].toSorted(([one], [other]) => one - other));
    same = now === last ? same + 1 : 0;
    last = now;
    const shares = [await share('a'), await share('b'), await share('c')];
    return shares.every((size) => size > 50) && same > 150;
  });
  const { api, process } = members.get('b') as Member;
  await until(async () => api.readiness().status === 'ready');
  const runs = await Promise.all(
    Array.from({ length: 100 }, async () => (await api.submitRun(defaultTenant, { dag: 'one' })).run.runId),
  );
  const before = await homes();
  for (const runId of runs) expect(before.get(shardOf(runId))).toBe('b');
  process.kill();
  const diedAt = clock.monotonicMs();
  await until(async () => (await share('b')) === 0 && (await homes()).size === 256);
  const movedMs = clock.monotonicMs() - diedAt;
  const after = await homes();
  for (const [shard, home] of before) if (home !== 'b') expect(after.get(shard)).toBe(home);
  const views = await Promise.all(
    runs.map((runId) =>
      (members.get(after.get(shardOf(runId)) ?? '') as Member).api.cancelRun(defaultTenant, runId, 'me'),
    ),
  );
  const drivenMs = clock.monotonicMs() - diedAt;
  expect(new Set(views.map(({ status }) => status))).toEqual(new Set(['cancelled']));
  console.info(`shards moved after ${Math.round(movedMs)} ms, all runs driven after ${Math.round(drivenMs)} ms`);
  // Soon after the lease on a machine that has time; this one may have none.
  expect(drivenMs).toBeLessThan(30_000);
});

test('on PostgreSQL a coordinator that leaves gives away all that it has, and no run is lost', async () => {
  const { api, process } = members.get('c') as Member;
  const runs = await Promise.all(
    Array.from({ length: 20 }, async () => (await api.submitRun(defaultTenant, { dag: 'one' })).run.runId),
  );
  await api.stop();
  process.kill();
  await until(async () => new Set((await homes()).values()).size === 1 && (await homes()).size === 256);
  const { api: other } = members.get('a') as Member;
  for (const runId of runs) expect((await other.cancelRun(defaultTenant, runId, 'me')).status).toBe('cancelled');
});
