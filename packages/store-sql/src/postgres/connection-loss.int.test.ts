import { defaultTenant, isDomainError } from '@skein/domain';
import type { AppendRequest } from '@skein/ports';
import {
  AwakeTime,
  createSequenceIds,
  creating,
  going,
  note,
  type PostgresServer,
  startPostgresServer,
} from '@skein/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect, freshSchema, openStores, type Sql } from '../../test/postgres-harness.ts';
import type { SqlStores } from '../open-sql-stores.ts';

let server: PostgresServer;
let opened: SqlStores[] = [];
const ids = createSequenceIds(82);

beforeAll(async () => {
  server = await startPostgresServer();
});

afterAll(() => server.stop());

afterEach(async () => {
  await Promise.all(opened.map((stores) => stores.close()));
  opened = [];
});

const open = async (change: Partial<Parameters<typeof openStores>[0]> = {}): Promise<SqlStores> => {
  const stores = await openStores({ url: server.url, schema: freshSchema(), ...change });
  opened.push(stores);
  return stores;
};

const times = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

type Ending = 'appended' | 'conflict' | 'unavailable';

/** How an append ended; anything but these three fails the test. */
const endingOf = async (stores: SqlStores, request: AppendRequest): Promise<Ending> => {
  try {
    const { status } = await stores.runs.append(request);
    if (status === 'appended' || status === 'conflict') return status;
    throw new Error(status);
  } catch (error) {
    if (isDomainError(error) && error.code === 'unavailable') return 'unavailable';
    throw error;
  }
};

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** For how long this process was awake while `task` went on, ms. */
const awakeMs = async (task: () => Promise<unknown>): Promise<number> => {
  const awake = new AwakeTime();
  try {
    await task();
  } finally {
    awake.stop();
  }
  return awake.ms;
};

/** Goes on with a run until told to stop; whoever does not know how an append ended looks at the head. */
const drive = async (stores: SqlStores, isOver: () => boolean, onAppended = () => {}) => {
  const run = creating(ids.next('run'));
  const told = new Map<string, Ending>();
  // One that was in doubt is found by the next as a conflict.
  for (let ending: Ending = 'unavailable'; ending === 'unavailable' && !isOver(); ) {
    ending = await endingOf(stores, run);
    // Stores that are closed refuse without a pause.
    if (ending === 'unavailable') await pause();
  }
  let { head } = run;
  for (let count = 0; !isOver(); count += 1) {
    const message = `${run.runId} ${count}`;
    const request = going(head, [note(message)]);
    const ending = await endingOf(stores, request);
    told.set(message, ending);
    if (ending === 'appended') {
      head = request.head;
      onAppended();
    } else {
      const stored = await stores.runs.readHead(defaultTenant, run.runId).catch(() => undefined);
      if (stored === undefined) await pause();
      else head = stored;
    }
  }
  return { runId: run.runId, told };
};

/** What was acknowledged is there once, what was refused is not, and the rest is there at most once; reading proves that the log is whole. */
const expectWhole = async (stores: SqlStores, driven: readonly Awaited<ReturnType<typeof drive>>[]): Promise<void> => {
  for (const { runId, told } of driven) {
    if ((await stores.runs.readHead(defaultTenant, runId)) === undefined) {
      expect([...told.values()]).not.toContain('appended');
      continue;
    }
    const facts = await stores.runs.readFacts(defaultTenant, runId, 1);
    const messages = facts.map((fact) => (fact.type === 'cancel_requested' ? fact.message : undefined));
    expect(new Set(messages).size).toBe(messages.length);
    for (const [message, ending] of told) {
      if (ending === 'appended') expect(messages).toContain(message);
      if (ending === 'conflict') expect(messages).not.toContain(message);
    }
  }
};

test('appends go on when their connections are cut again and again: nothing is lost, doubled or half done', async () => {
  const stores = await open({ lanes: 2 });
  let over = false;
  let appended = 0;
  const onAppended = (): void => {
    appended += 1;
  };
  const driving = times(8).map(() => drive(stores, () => over, onAppended));
  const killer: Sql = await connect(server.url);
  // On a slow machine a new connection takes longer than the time between two cuts: then there are more, with more time between them.
  for (let round = 0; round < 20 || appended <= 20; round += 1) {
    // Those in the midst of something, and each third time the others too.
    await killer.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skein' and (state <> 'idle' or ${round % 3 === 0})`,
    );
    await new Promise((resolve) => setTimeout(resolve, round < 20 ? 30 : 500));
  }
  over = true;
  const driven = await Promise.all(driving);
  await killer.end();
  await expectWhole(stores, driven);
  expect(await endingOf(stores, creating(ids.next('run')))).toBe('appended');
});

test('while the server is down writes and reads are refused at once and typed, and go on by themselves when it is back', async () => {
  const stores = await open();
  let over = false;
  const driving = times(4).map(() => drive(stores, () => over));
  await server.kill();
  const refused = { code: 'unavailable', details: { reason: 'refused' } };
  await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject(refused);
  await expect(stores.runs.readHead(defaultTenant, ids.next('run'))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(open()).rejects.toMatchObject(refused);
  await server.start();
  over = true;
  const driven = await Promise.all(driving);
  const run = creating(ids.next('run'));
  expect(await stores.runs.append(run)).toEqual({ status: 'appended' });
  expect(await stores.runs.readHead(defaultTenant, run.runId)).toEqual(run.head);
  await expectWhole(stores, driven);
});

/** Lets the server stand still while `task` runs: the postmaster, which opens connections, and what answers on those that are open. */
const standingStill = async (task: () => Promise<void>): Promise<void> => {
  const sql = await connect(server.url);
  const backends = await sql.rows<{ pid: number }>(`select pid from pg_stat_activity where application_name = 'skein'`);
  await sql.end();
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    server.signal(name);
    for (const { pid } of backends) {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended.
      }
    }
  };
  try {
    signal('SIGSTOP');
    await task();
  } finally {
    signal('SIGCONT');
  }
};

test('a server that says nothing any more is given up in time', async () => {
  let stores: SqlStores | undefined;
  // The server may be too slow for one of the connections that are made here.
  while (stores === undefined) {
    stores = await open({ connectMs: 1_500, tripMs: 1_500 }).catch((error: unknown) => {
      if (isDomainError(error) && error.code === 'unavailable') return undefined;
      throw error;
    });
  }
  for (let ending: Ending = 'unavailable'; ending !== 'appended'; ) {
    ending = await endingOf(stores, creating(ids.next('run')));
  }
  await standingStill(async () => {
    const append = stores.runs.append(creating(ids.next('run')));
    const waitedMs = await awakeMs(() => expect(append).rejects.toMatchObject({ code: 'unavailable' }));
    expect(waitedMs).toBeLessThan(10_000);
  });
  for (let ending: Ending = 'unavailable'; ending !== 'appended'; ) {
    ending = await endingOf(stores, creating(ids.next('run')));
  }
});

test('a server that only reads refuses writes, typed', async () => {
  const stores = await open();
  const sql = await connect(server.url);
  await sql.rows('alter system set default_transaction_read_only = on');
  await sql.rows('select pg_reload_conf()');
  try {
    let error: unknown;
    for (let count = 0; error === undefined && count < 1_000; count += 1) {
      error = await stores.runs.append(creating(ids.next('run'))).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    }
    expect(error).toMatchObject({ code: 'unavailable', details: { reason: 'read_only' } });
  } finally {
    await sql.rows('set default_transaction_read_only = off');
    await sql.rows('alter system reset default_transaction_read_only');
    await sql.rows('select pg_reload_conf()');
    await sql.end();
  }
});

test('a wrong password and a database that is not there are refused, typed, and the password is in no message', async () => {
  const wrong = new URL(server.url);
  wrong.password = 'not the one';
  const error: unknown = await open({ url: wrong.href }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'unavailable', details: { reason: 'denied' } });
  expect(JSON.stringify([error, (error as Error).message, (error as Error).cause])).not.toContain('not the one');
  const elsewhere = new URL(server.url);
  elsewhere.pathname = '/nowhere';
  await expect(open({ url: elsewhere.href })).rejects.toMatchObject({
    code: 'unavailable',
    details: { reason: 'denied' },
  });
});

test('stores close in time though the server says nothing any more', async () => {
  const stores = await open();
  await stores.runs.append(creating(ids.next('run')));
  await standingStill(async () => {
    expect(await awakeMs(() => stores.close())).toBeLessThan(10_000);
  });
});
