import { isDomainError, defaultTenant as tenant } from '@skein/domain';
import type { AppendRequest, RunHead } from '@skein/ports';
import {
  createSeededRandom,
  createSequenceIds,
  creating,
  deliveryEvent,
  exposing,
  going,
  note,
  startPostgresServer,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { freshSchema, openStores } from '../../test/postgres-harness.ts';
import type { SqlStores } from '../open-sql-stores.ts';

const seed = Number(process.env['KILL_SEED'] ?? 20_261_121);
const rounds = 6;
const lanes = 16;
const rolloutId = 'rol_1';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the load was told. */
class Told {
  /** Facts that were acknowledged, by run. */
  readonly seqs = new Map<string, number>();
  readonly units = new Set<string>();
  appends = 0;
  /** Calls that were told `unavailable`: done or not. */
  doubts = 0;
}

/** Appends until it is over: each grows its run by one to three facts, with an event for each, and exposes a unit. */
const grow = async (
  stores: SqlStores,
  runId: string,
  lane: number,
  told: Told,
  isOver: () => boolean,
): Promise<void> => {
  const factsOf = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => note(`${runId} ${from + index + 1}`));
  let head: RunHead | undefined;
  for (let turn = 0; !isOver(); turn += 1) {
    const from = head?.seq ?? 0;
    const facts = factsOf(from, 1 + ((turn + lane) % 3));
    const index = lane * 1_000_000 + turn;
    const base: AppendRequest = head === undefined ? creating(runId, { facts }) : going(head, facts);
    const request: AppendRequest = {
      ...base,
      exposures: [exposing(index, { rolloutId, runId })],
      events: facts.map((_, place) => deliveryEvent(`${runId} ${from + place + 1}`, { runId })),
    };
    try {
      const { status } = await stores.runs.append(request);
      if (status === 'appended') {
        told.appends += 1;
        told.seqs.set(runId, request.head.seq);
        told.units.add(exposing(index).unit);
        head = request.head;
        continue;
      }
      // What was in doubt had been done; anything else is a second writer, and there is none.
      expect([status, runId]).toEqual(['conflict', runId]);
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'unavailable') throw error;
      told.doubts += 1;
    }
    head = await lookAgain(stores, runId, head);
  }
};

/** The head as the store has it, once it answers. */
const lookAgain = async (
  stores: SqlStores,
  runId: string,
  known: RunHead | undefined,
): Promise<RunHead | undefined> => {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    try {
      return await stores.runs.readHead(tenant, runId);
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'unavailable') throw error;
      await wait(20);
    }
  }
  return known;
};

/** Every acknowledged append is there, none half-done, and no number is missing. */
const check = async ({ runs, rollouts, delivery }: SqlStores, told: Told, when: string): Promise<void> => {
  const events = new Map<string, number>();
  let last = 0;
  for (;;) {
    const { items, next } = await delivery.readEvents(tenant, last, 1_000);
    if (items.length === 0) break;
    for (const { seq, itemId } of items) {
      expect(seq, `numbers of events ${when}`).toBe(last + 1);
      last = seq;
      events.set(itemId, (events.get(itemId) ?? 0) + 1);
    }
    last = next;
  }
  let facts = 0;
  for (const [runId, seq] of told.seqs) {
    const log = await runs.readFacts(tenant, runId, 0);
    facts += log.length;
    expect(log.length, `${runId} ${when}`).toBeGreaterThanOrEqual(seq);
    expect((await runs.readHead(tenant, runId))?.seq, `${runId} ${when}`).toBe(log.length);
    const texts = log.map((_, index) => `${runId} ${index + 1}`);
    expect(
      log.map((fact) => ('message' in fact ? fact.message : '')),
      `${runId} ${when}`,
    ).toEqual(texts);
    expect(
      texts.filter((text) => events.get(text) !== 1),
      `events of ${runId} ${when}`,
    ).toEqual([]);
  }
  expect(events.size, `events ${when}`).toBeGreaterThanOrEqual(facts);
  const units = await rollouts.readUnits(tenant, rolloutId, 0, 1_000_000);
  expect(
    units.map(({ seq }) => seq),
    `numbers of units ${when}`,
  ).toEqual(units.map((_, index) => index + 1));
  const found = new Set(units.map(({ unit }) => unit));
  expect(
    [...told.units].filter((unit) => !found.has(unit)),
    `units ${when}`,
  ).toEqual([]);
};

test('after kill -9 of PostgreSQL at any moment every append that any of two coordinators was told of is there, none is half-done, and no number is missing', async () => {
  const random = createSeededRandom(seed);
  const ids = createSequenceIds(83);
  const server = await startPostgresServer({ fsync: true });
  const schema = freshSchema();
  const both: SqlStores[] = [];
  try {
    both.push(await openStores({ url: server.url, schema }), await openStores({ url: server.url, schema }));
    const told = new Told();
    let appends = 0;
    for (let round = 0; round < rounds; round += 1) {
      const when = `in round ${round} of seed ${seed}`;
      let isOver = false;
      const load = Array.from({ length: lanes }, async (_, lane) =>
        grow(both[lane % 2] as SqlStores, ids.next('run'), round * lanes + lane, told, () => isOver),
      );
      const loaded = Promise.all(load);
      loaded.catch(() => undefined);
      const before = told.appends;
      const deadline = performance.now() + 20_000;
      while (told.appends < before + 50 && performance.now() < deadline) await wait(5);
      await wait(random.integer(400));
      await server.kill();
      await wait(random.integer(300));
      await server.start();
      const after = told.appends;
      const end = performance.now() + 30_000;
      while (told.appends < after + 20 && performance.now() < end) await wait(5);
      isOver = true;
      await loaded;
      expect(told.appends, when).toBeGreaterThan(after);
      appends = told.appends;
      await check(both[round % 2] as SqlStores, told, when);
    }
    console.log(`${appends} appends were acknowledged, ${told.doubts} answers were in doubt, ${rounds} kills`);
    expect(told.doubts).toBeGreaterThan(0);
  } finally {
    await Promise.all(both.map((stores) => stores.close()));
    await server.stop();
  }
}, 900_000);
