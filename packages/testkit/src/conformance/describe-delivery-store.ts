import type { DeadLetterFilter, DeliveryStore } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating, deadLetter, deliveryEvent, digestOf, going, note } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const tenant = 'default';

const settlement = { status: 'redriven', at: 7_000, by: 'ann', redrivenRunId: 'run_2' } as const;

/** Conformance of the delivery store: dead letters, and the stream of what left the normal way. */
export const describeDeliveryStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: delivery store`, () => {
    describeRecording(make);
    describeDeadLetters(make);
    describeStream(make);
  });
};

/** Items of the stream, by their numbers. */
const streamOf = async (delivery: DeliveryStore, of = tenant, after = 0) =>
  (await delivery.readEvents(of, after, 1_000)).items.map(({ seq, itemId }) => `${seq} ${itemId}`);

const describeRecording = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(6);

  test('dead letters and events come with their facts, and are read back as they were', async () => {
    const { runs, delivery } = await harness.open();
    const runId = ids.next('run');
    const letters = [
      deadLetter(runId, 0),
      deadLetter(runId, 1, { kind: 'task', reason: 'poison', error: { code: 'internal', deep: [1, { a: 'ü' }] } }),
    ];
    const full = deliveryEvent('dl:1', { kind: 'dead_lettered', reason: 'poison', attempts: 3, ageMs: 40_000 });
    const events = [deliveryEvent('m1'), full];
    await runs.append(creating(runId));
    const head = await runs.readHead(tenant, runId);
    if (head === undefined) throw new Error('no head');
    const append = { ...going(head, [note('x')]), deadLetters: letters, events };
    expect(await runs.append(append)).toEqual({ status: 'appended' });
    for (const letter of letters) expect(await delivery.readDeadLetter(tenant, letter.id)).toEqual(letter);
    expect((await delivery.readEvents(tenant, 0, 10)).items).toEqual([
      { ...deliveryEvent('m1'), seq: 1 },
      { ...full, seq: 2 },
    ]);
  });

  test('an append that loses, or is refused, leaves neither letters nor events, and no hole', async () => {
    const { runs, delivery } = await harness.open();
    const runId = ids.next('run');
    const create = { ...creating(runId), events: [deliveryEvent('first')] };
    await runs.append(create);
    const late = { ...going(create.head, [note('late')], {}, 9), deadLetters: [deadLetter(runId, 0)] };
    expect(await runs.append({ ...late, events: [deliveryEvent('late')] })).toEqual({ status: 'conflict', seq: 1 });
    const refused = {
      ...going(create.head, [note('x')]),
      pinsSnapshot: digestOf(99),
      deadLetters: [deadLetter(runId, 1)],
    };
    await expect(runs.append({ ...refused, events: [deliveryEvent('refused')] })).rejects.toMatchObject({
      code: 'version_conflict',
    });
    await runs.append({ ...going(create.head, [note('y')]), events: [deliveryEvent('second')] });
    expect(await streamOf(delivery)).toEqual(['1 first', '2 second']);
    expect(await delivery.countDeadLetters()).toBe(0);
  });

  test('what is of another run or tenant is refused', async () => {
    const { runs, delivery } = await harness.open();
    const create = creating(ids.next('run'));
    for (const wrong of [
      { deadLetters: [deadLetter('run_other', 0)] },
      { deadLetters: [deadLetter(create.runId, 0, { tenant: 'other' })] },
      { events: [deliveryEvent('m', { tenant: 'other' })] },
    ]) {
      await expect(runs.append({ ...create, ...wrong })).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    expect(await streamOf(delivery, 'other')).toEqual([]);
    expect(await delivery.countDeadLetters()).toBe(0);
  });

  test('the same thing given up once makes one dead letter, and the first stands', async () => {
    const { runs, delivery } = await harness.open();
    const create = creating(ids.next('run'));
    const { runId } = create;
    const first = deadLetter(runId, 0);
    await runs.append({ ...create, deadLetters: [first, deadLetter(runId, 0, { body: 'twin' })] });
    await delivery.settleDeadLetter(tenant, first.id, settlement, deliveryEvent(first.id, { kind: 'redriven' }));
    await runs.append({ ...going(create.head, [note('x')]), deadLetters: [deadLetter(runId, 0, { body: 'again' })] });
    expect(await delivery.readDeadLetter(tenant, first.id)).toMatchObject({ body: 'text 0', status: 'redriven' });
    expect((await delivery.listDeadLetters({ tenant, limit: 9 })).items).toHaveLength(1);
  });
};

const describeDeadLetters = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(7);

  const withLetters = async () => {
    const { runs, delivery } = await harness.open();
    const [one, two] = [creating(ids.next('run')), creating(ids.next('run'))];
    const letters = [
      deadLetter(one.runId, 0),
      deadLetter(one.runId, 1, { kind: 'task', reason: 'poison' }),
      // The same instant: the id decides.
      deadLetter(one.runId, 2, { at: 1_001 }),
      deadLetter(two.runId, 3),
    ];
    await runs.append({ ...one, deadLetters: letters.slice(0, 3) });
    await runs.append({ ...two, deadLetters: letters.slice(3) });
    await runs.append({
      ...creating(one.runId, { tenant: 'other' }),
      deadLetters: [deadLetter(one.runId, 0, { tenant: 'other' })],
    });
    const listed = async (filter: Partial<DeadLetterFilter> = {}) =>
      (await delivery.listDeadLetters({ tenant, limit: 10, ...filter })).items.map(({ id }) => id.at(-1)).join('');
    return { delivery, letters, one, listed };
  };

  test('are listed newest first, by what they are', async () => {
    const { one, listed, delivery, letters } = await withLetters();
    expect(await listed()).toBe('3210');
    expect(await listed({ runId: one.runId })).toBe('210');
    expect(await listed({ kind: 'task' })).toBe('1');
    expect(await listed({ reason: 'recipient_gone', runId: one.runId })).toBe('20');
    const { id } = letters[2] as (typeof letters)[number];
    await delivery.settleDeadLetter(tenant, id, settlement, deliveryEvent(id));
    expect(await listed({ status: 'open' })).toBe('310');
    expect(await listed({ status: 'redriven' })).toBe('2');
    expect(await listed({ status: 'purged' })).toBe('');
    expect(await listed({ tenant: 'other' })).toBe('0');
    expect(await delivery.countDeadLetters(tenant)).toBe(3);
    expect(await delivery.countDeadLetters()).toBe(4);
  });

  test('pages meet each of them once', async () => {
    const { delivery } = await withLetters();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await delivery.listDeadLetters({ tenant, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ id }) => id.at(-1) ?? ''));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen.join('')).toBe('3210');
    for (const bad of ['x', '', '12', "1' or 1=1"]) {
      const list = delivery.listDeadLetters({ tenant, limit: 1, cursor: bad });
      await expect(list).rejects.toMatchObject({ code: 'invalid_argument' });
    }
  });

  test('are settled once, with one event, by whoever came first', async () => {
    const { delivery, letters } = await withLetters();
    const { id } = letters[0] as (typeof letters)[number];
    const event = deliveryEvent(id, { kind: 'redriven', reason: 'by ann' });
    const settled = await Promise.all(
      [1, 2, 3].map((at) => delivery.settleDeadLetter(tenant, id, { ...settlement, at }, event)),
    );
    expect(settled.filter(Boolean)).toHaveLength(1);
    const { redrivenRunId, by: settledBy, status } = settlement;
    const expected = { ...letters[0], status, settledBy, redrivenRunId, settledAt: settled.indexOf(true) + 1 };
    expect(await delivery.readDeadLetter(tenant, id)).toEqual(expected);
    expect(await streamOf(delivery)).toEqual([`1 ${id}`]);
    for (const [of, letter] of [
      [tenant, 'dl:none'],
      ['none', id],
    ] as const) {
      expect(await delivery.settleDeadLetter(of, letter, settlement, event)).toBe(false);
      expect(await delivery.readDeadLetter(of, letter)).toBeUndefined();
    }
    expect(await streamOf(delivery)).toHaveLength(1);
  });

  test('a purge clears the body, keeps the row, and says so once', async () => {
    const { delivery, letters } = await withLetters();
    const { body, ...rest } = letters[0] as (typeof letters)[number];
    const { id } = rest;
    const purge = { status: 'purged', at: 9_000, by: 'bob' } as const;
    expect(await delivery.settleDeadLetter(tenant, id, purge, deliveryEvent(id, { kind: 'purged' }))).toBe(true);
    expect(await delivery.readDeadLetter(tenant, id)).toEqual({
      ...rest,
      status: 'purged',
      settledAt: 9_000,
      settledBy: 'bob',
    });
    expect(body).toBe('text 0');
    expect(await delivery.settleDeadLetter(tenant, id, settlement, deliveryEvent(id))).toBe(false);
    expect(await streamOf(delivery)).toEqual([`1 ${id}`]);
  });

  durableTest(harness, 'survive a restart, settled as they were', async (reopen) => {
    const { delivery, letters } = await withLetters();
    const { id } = letters[0] as (typeof letters)[number];
    await delivery.settleDeadLetter(tenant, id, settlement, deliveryEvent(id));
    const before = await delivery.listDeadLetters({ tenant, limit: 9 });
    const again = (await reopen()).delivery;
    expect(await again.listDeadLetters({ tenant, limit: 9 })).toEqual(before);
    await again.appendEvents([deliveryEvent('later')]);
    expect(await streamOf(again)).toEqual([`1 ${id}`, '2 later']);
  });
};

const describeStream = (make: MakeHarness): void => {
  const harness = useHarness(make);

  const withEvents = async (count: number) => {
    const { delivery } = await harness.open();
    const events = Array.from({ length: count }, (_, index) => deliveryEvent(`m${index + 1}`, { at: index + 1 }));
    await delivery.appendEvents(events);
    return delivery;
  };

  test('each tenant has its own numbers, without holes, whoever writes at once', async () => {
    const { delivery } = await harness.open();
    const writes = Array.from({ length: 60 }, (_, index) => {
      const of = index % 3 === 0 ? 'other' : tenant;
      return delivery.appendEvents([0, 1].map((part) => deliveryEvent(`${index}.${part}`, { tenant: of })));
    });
    await Promise.all([...writes, delivery.appendEvents([])]);
    for (const [of, count] of [
      [tenant, 80],
      ['other', 40],
    ] as const) {
      const { items } = await delivery.readEvents(of, 0, 1_000);
      expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
      expect(new Set(items.map(({ itemId }) => itemId)).size).toBe(count);
    }
  });

  test('is read on from a cursor, page by page', async () => {
    const delivery = await withEvents(5);
    const first = await delivery.readEvents(tenant, 0, 2);
    expect(first).toMatchObject({ items: [{ seq: 1 }, { seq: 2 }], next: 2 });
    expect(first.gap).toBeUndefined();
    expect(await delivery.readEvents(tenant, first.next, 9)).toMatchObject({ items: [{}, {}, {}], next: 5 });
    expect(await delivery.readEvents(tenant, 5, 9)).toEqual({ items: [], next: 5 });
    expect(await delivery.readEvents('none', 0, 9)).toEqual({ items: [], next: 0 });
  });

  test('what retention removed is told as a gap, and numbers go on behind it', async () => {
    const delivery = await withEvents(6);
    expect(await delivery.pruneEvents(3, 100)).toBe(2);
    expect(await delivery.readEvents(tenant, 0, 2)).toMatchObject({
      items: [{ seq: 3 }, { seq: 4 }],
      gap: { from: 1, to: 2 },
      next: 4,
    });
    expect((await delivery.readEvents(tenant, 2, 9)).gap).toBeUndefined();
    expect(await delivery.pruneEvents(0, 1)).toBe(3);
    expect(await delivery.readEvents(tenant, 1, 9)).toMatchObject({ gap: { from: 2, to: 5 }, items: [{ seq: 6 }] });
    expect(await delivery.pruneEvents(1_000, 100)).toBe(1);
    expect(await delivery.readEvents(tenant, 4, 9)).toEqual({ items: [], gap: { from: 5, to: 6 }, next: 6 });
    expect(await delivery.readEvents(tenant, 6, 9)).toEqual({ items: [], next: 6 });
    await delivery.appendEvents([deliveryEvent('new')]);
    expect(await streamOf(delivery, tenant, 6)).toEqual(['7 new']);
    expect(await delivery.pruneEvents(0, 100)).toBe(0);
  });

  test('an old event behind a newer one stays with it: only a beginning is removed', async () => {
    const { delivery } = await harness.open();
    await delivery.appendEvents([1, 9, 2].map((at) => deliveryEvent(`at ${at}`, { at })));
    await delivery.appendEvents([deliveryEvent('of another', { tenant: 'other', at: 3 })]);
    expect(await delivery.pruneEvents(5, 100)).toBe(2);
    expect(await streamOf(delivery)).toEqual(['2 at 9', '3 at 2']);
    expect(await delivery.readEvents('other', 0, 9)).toEqual({ items: [], gap: { from: 1, to: 1 }, next: 1 });
  });

  durableTest(harness, 'numbers and gaps survive a restart, also when no event is left', async (reopen) => {
    const delivery = await withEvents(3);
    await delivery.pruneEvents(100, 100);
    const again = (await reopen()).delivery;
    expect(await again.readEvents(tenant, 0, 9)).toEqual({ items: [], gap: { from: 1, to: 3 }, next: 3 });
    await again.appendEvents([deliveryEvent('new')]);
    expect(await streamOf(again, tenant, 3)).toEqual(['4 new']);
  });
};
