import { type DomainError, defaultTenant, type RunFact } from '@skein/domain';
import type { RunHead, RunStore } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { describeRunListing } from './describe-run-listing.ts';
import { describeRunLogProperties } from './describe-run-log-properties.ts';
import { publication } from './project-fixtures.ts';
import { creating, digestOf, going, note, submitted } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const tenant = defaultTenant;

const headOf = async (runs: RunStore, runId: string): Promise<RunHead> => {
  const head = await runs.readHead(tenant, runId);
  if (head === undefined) throw new Error(`no head of ${runId}`);
  return head;
};

/** Conformance of the run log: outcomes of appends, uniqueness, isolation, order and durability. */
export const describeRunStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: run store`, () => {
    describeAppends(make);
    describeUniqueness(make);
    describeIsolation(make);
    describeRunListing(make);
    describeRunLogProperties(make);
  });
};

const describeAppends = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(1);

  test('creates a run, goes on from its head, and reads all facts back in order', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    expect(await runs.append(creating(runId, { dueAt: 5_000 }))).toEqual({ status: 'appended' });
    const created = await headOf(runs, runId);
    expect(created).toEqual(creating(runId, { dueAt: 5_000 }).head);
    const next = going(created, [note('a'), note('b')], { status: 'running', startedAt: 2_000 });
    expect(await runs.append(next)).toEqual({ status: 'appended' });
    expect(await headOf(runs, runId)).toEqual(next.head);
    expect(await runs.readFacts(tenant, runId, 0)).toEqual([submitted(), note('a'), note('b')]);
  });

  test('reads facts after any sequence number, and no more than asked for', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    await runs.append(creating(runId, { facts: [submitted(), note('2'), note('3')] }));
    await runs.append(going(await headOf(runs, runId), [note('4'), note('5')]));
    const texts = async (after: number, limit?: number) =>
      (await runs.readFacts(tenant, runId, after, limit)).map((fact) => (fact as { message?: string }).message ?? '1');
    expect(await texts(0)).toEqual(['1', '2', '3', '4', '5']);
    expect(await texts(2)).toEqual(['3', '4', '5']);
    expect(await texts(1, 3)).toEqual(['2', '3', '4']);
    expect(await texts(3, 1)).toEqual(['4']);
    expect(await texts(5)).toEqual([]);
    await expect(runs.readFacts(tenant, 'run_unknown', 0)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('an append behind the head is a conflict that names the head and writes nothing', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    await runs.append(creating(runId));
    const head = await headOf(runs, runId);
    await runs.append(going(head, [note('first')]));
    expect(await runs.append(going(head, [note('late')]))).toEqual({ status: 'conflict', seq: 2 });
    expect(await runs.append(creating(runId))).toEqual({ status: 'conflict', seq: 2 });
    expect(await runs.append(going(head, [note('ahead')], {}, 7))).toEqual({ status: 'conflict', seq: 2 });
    expect(await runs.append(going({ ...head, runId: 'run_none' }, [note('x')]))).toEqual({
      status: 'conflict',
      seq: 0,
    });
    expect(await runs.readFacts(tenant, runId, 1)).toEqual([note('first')]);
  });

  test('appends of one run that were not awaited are applied in call order', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    const create = creating(runId);
    const second = going(create.head, [note('2')]);
    const third = going(second.head, [note('3')], { status: 'succeeded', finishedAt: 9 });
    const outcomes = await Promise.all([runs.append(create), runs.append(second), runs.append(third)]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['appended', 'appended', 'appended']);
    expect(await headOf(runs, runId)).toEqual(third.head);
  });

  test('what names a run stays as it was created', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    const create = creating(runId);
    await runs.append(create);
    await runs.append(
      going(create.head, [note('x')], { dag: 'other', shard: 9, createdAt: 1, dagDigest: digestOf(7) }),
    );
    const { dag, shard, createdAt, dagDigest } = create.head;
    expect(await headOf(runs, runId)).toMatchObject({ dag, shard, createdAt, dagDigest, seq: 2 });
  });

  test('cleans NUL and lone surrogates from text and keeps all else', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    const odd = 'a\u0000b\ud800c\udfffd \\u0000 😀 \u2028';
    await runs.append(creating(runId, { facts: [note(odd), note('😀'.repeat(3))] }));
    expect(await runs.readFacts(tenant, runId, 0)).toEqual([
      note('ab\ufffdc\ufffdd \\u0000 😀 \u2028'),
      note('😀'.repeat(3)),
    ]);
  });

  test('takes a fact of 64 KiB and refuses a larger one before anything is written', async () => {
    const { runs } = await harness.open();
    const [fits, tooLarge] = [ids.next('run'), ids.next('run')];
    const frame = JSON.stringify(note('')).length;
    expect(await runs.append(creating(fits, { facts: [note('x'.repeat(65_536 - frame))] }))).toEqual({
      status: 'appended',
    });
    const over = creating(tooLarge, { facts: [submitted(), note('é'.repeat(32_768))] });
    await expect(runs.append(over)).rejects.toMatchObject({ code: 'too_large', details: { limit: 65_536 } });
    expect(await runs.readHead(tenant, tooLarge)).toBeUndefined();
  });

  test.each<[string, (request: ReturnType<typeof creating>) => object]>([
    ['no facts', (request) => ({ ...request, facts: [], head: { ...request.head, seq: 0 } })],
    ['a head that does not follow', (request) => ({ ...request, head: { ...request.head, seq: 9 } })],
    [
      'a new run without its creation',
      (request) => Object.fromEntries(Object.entries(request).filter(([key]) => key !== 'creation')),
    ],
    ['a head of another run', (request) => ({ ...request, head: { ...request.head, runId: 'run_other' } })],
  ])('refuses an append with %s', async (_, spoil) => {
    const { runs } = await harness.open();
    const request = spoil(creating(ids.next('run'))) as ReturnType<typeof creating>;
    await expect(runs.append(request)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('a pinned snapshot must still be stored', async () => {
    const { runs, snapshots } = await harness.open();
    const runId = ids.next('run');
    const pinning = { ...creating(runId), pinsSnapshot: digestOf(5) };
    await expect(runs.append(pinning)).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await runs.readHead(tenant, runId)).toBeUndefined();
    await snapshots.save(tenant, digestOf(5), { formatVersion: 1, parts: [] }, new Map(), 1_000);
    expect(await runs.append(pinning)).toEqual({ status: 'appended' });
  });

  test('an append that expects a revision of the project is refused once it has moved', async () => {
    const { runs, projects, memory } = await harness.open();
    const admitting = (expectsRevision: number, of = tenant) => ({
      ...creating(ids.next('run'), { tenant: of }),
      expectsRevision,
    });
    expect(await runs.append(admitting(0))).toEqual({ status: 'appended' });
    await projects.publish(publication({}));
    const revision = await projects.revision(tenant);
    const late = admitting(0);
    await expect(runs.append(late)).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await runs.readHead(tenant, late.runId)).toBeUndefined();
    expect(await runs.append(admitting(revision))).toEqual({ status: 'appended' });
    expect(await runs.append(admitting(0, 'other'))).toEqual({ status: 'appended' });
    const next = { text: 'x', change: { kind: 'set', by: 'ann' } } as const;
    await memory.commit({ tenant, scope: 'global', expectedRevision: 0, next, proposals: [], at: 1 });
    await expect(runs.append(admitting(revision))).rejects.toMatchObject({ code: 'version_conflict' });
    const begun = creating(ids.next('run'));
    await runs.append(begun);
    const stale = { ...going(begun.head, [note('x')]), expectsRevision: revision };
    await expect(runs.append(stale)).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await headOf(runs, begun.runId)).toEqual(begun.head);
    const fresh = { ...stale, expectsRevision: await projects.revision(tenant) };
    expect(await runs.append(fresh)).toEqual({ status: 'appended' });
  });

  test('an append that lost the race says so, whatever else it would be refused for', async () => {
    const { runs } = await harness.open();
    const create = creating(ids.next('run'), { creation: { idempotency: { key: 'k', bodyDigest: 'b' } } });
    await runs.append(create);
    const odd = { pinsSnapshot: digestOf(5), expectsRevision: 99 };
    expect(await runs.append({ ...create, ...odd })).toEqual({
      status: 'duplicate',
      runId: create.runId,
      sameBody: true,
    });
    expect(await runs.append({ ...creating(create.runId), ...odd })).toEqual({ status: 'conflict', seq: 1 });
    expect(await runs.append({ ...going(create.head, [note('x')], {}, 4), ...odd })).toEqual({
      status: 'conflict',
      seq: 1,
    });
  });

  test('keeps the newest checkpoint of a run', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    await runs.append(creating(runId));
    expect(await runs.loadCheckpoint(tenant, runId)).toBeUndefined();
    const save = (seq: number, ...bytes: number[]) =>
      runs.saveCheckpoint({ tenant, runId, seq, body: new Uint8Array(bytes) });
    await save(512, 0, 255, 7);
    await save(1_024, 1);
    await save(512, 9);
    const loaded = await runs.loadCheckpoint(tenant, runId);
    expect({ ...loaded, body: [...(loaded?.body ?? [])] }).toEqual({ tenant, runId, seq: 1_024, body: [1] });
  });

  durableTest(harness, 'everything that was acknowledged is there after a restart', async (reopen) => {
    const { runs } = await harness.open();
    const made = Array.from({ length: 60 }, () => creating(ids.next('run'), { dueAt: 77, creation: {} }));
    await Promise.all(made.map((request) => runs.append(request)));
    await Promise.all(made.map((request) => runs.append(going(request.head, [note('more')]))));
    const first = made[0] as (typeof made)[number];
    await runs.saveCheckpoint({ tenant, runId: first.runId, seq: 2, body: new Uint8Array([4]) });
    const again = (await reopen()).runs;
    for (const { runId } of made) {
      expect(await again.readFacts(tenant, runId, 0)).toEqual<RunFact[]>([submitted(), note('more')]);
      expect((await headOf(again, runId)).seq).toBe(2);
    }
    expect((await again.loadCheckpoint(tenant, first.runId))?.seq).toBe(2);
  });
};

const describeUniqueness = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(2);

  test('an idempotency key answers with the run that it made, and says whether the body was the same', async () => {
    const { runs } = await harness.open();
    const first = ids.next('run');
    const keyed = (runId: string, bodyDigest: string, key = 'k') =>
      creating(runId, { creation: { idempotency: { key, bodyDigest } } });
    expect(await runs.append(keyed(first, 'b1'))).toEqual({ status: 'appended' });
    const second = ids.next('run');
    expect(await runs.append(keyed(second, 'b1'))).toEqual({ status: 'duplicate', runId: first, sameBody: true });
    expect(await runs.append(keyed(second, 'b2'))).toEqual({ status: 'duplicate', runId: first, sameBody: false });
    expect(await runs.readHead(tenant, second)).toBeUndefined();
    expect(await runs.append(keyed(second, 'b1', 'other'))).toEqual({ status: 'appended' });
    const elsewhere = creating(ids.next('run'), {
      tenant: 'other',
      creation: { idempotency: { key: 'k', bodyDigest: 'b1' } },
    });
    expect(await runs.append(elsewhere)).toEqual({ status: 'appended' });
  });

  test('a refused creation leaves its key and its fire free', async () => {
    const { runs } = await harness.open();
    const taken = ids.next('run');
    const fire = { scheduleId: 's', nominalAt: 60_000 };
    await runs.append(creating(taken));
    const clash = creating(taken, { creation: { idempotency: { key: 'k', bodyDigest: 'b' }, fire } });
    expect(await runs.append(clash)).toEqual({ status: 'conflict', seq: 1 });
    const free = creating(ids.next('run'), { creation: { idempotency: { key: 'k', bodyDigest: 'b' }, fire } });
    expect(await runs.append(free)).toEqual({ status: 'appended' });
  });

  test('concurrent fires of one instant make one run', async () => {
    const { runs } = await harness.open();
    const fire = { scheduleId: '0 * * * *', nominalAt: 3_600_000 };
    const asked = Array.from({ length: 20 }, () => creating(ids.next('run'), { creation: { fire } }));
    const outcomes = await Promise.all(asked.map((request) => runs.append(request)));
    expect(outcomes.filter((outcome) => outcome.status === 'appended')).toHaveLength(1);
    const winner = asked[outcomes.findIndex((outcome) => outcome.status === 'appended')]?.runId;
    const losers = outcomes.filter((outcome) => outcome.status === 'duplicate');
    expect(losers).toEqual(Array.from({ length: 19 }, () => ({ status: 'duplicate', runId: winner, sameBody: true })));
    const others = [
      creating(ids.next('run'), { creation: { fire: { ...fire, nominalAt: 7_200_000 } } }),
      creating(ids.next('run'), { creation: { fire: { ...fire, scheduleId: 'other' } } }),
      creating(ids.next('run'), { dag: 'other', creation: { fire } }),
      creating(ids.next('run'), { tenant: 'other', creation: { fire } }),
    ];
    for (const request of others) expect(await runs.append(request)).toEqual({ status: 'appended' });
    expect((await runs.countByStatus(tenant)).queued).toBe(4);
  });

  test('of concurrent appends to one head exactly one wins', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    const create = creating(runId);
    await runs.append(create);
    const racers = Array.from({ length: 30 }, (_, index) => runs.append(going(create.head, [note(`racer ${index}`)])));
    const outcomes = await Promise.all(racers);
    const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'appended' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.status === 'conflict')).toHaveLength(29);
    expect(await runs.readFacts(tenant, runId, 1)).toEqual([note(`racer ${winners[0]}`)]);
  });
};

const describeIsolation = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(3);

  test('one bad append among fifty costs no other', async () => {
    const { runs } = await harness.open();
    const requests = Array.from({ length: 50 }, () => creating(ids.next('run')));
    const bad = requests[25] as (typeof requests)[number];
    // A snapshot that is not stored is only found out inside the transaction.
    requests[25] = { ...bad, pinsSnapshot: digestOf(99) };
    const settled = await Promise.allSettled(requests.map((request) => runs.append(request)));
    const failed = settled.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
    expect(failed).toEqual([25]);
    expect(((settled[25] as PromiseRejectedResult).reason as DomainError).code).toBe('version_conflict');
    for (const [index, { runId }] of requests.entries()) {
      expect((await runs.readHead(tenant, runId)) !== undefined).toBe(index !== 25);
    }
  });

  test('tenants do not see one another', async () => {
    const { runs } = await harness.open();
    const runId = ids.next('run');
    await runs.append(creating(runId, { tenant: 'a' }));
    expect(await runs.readHead('b', runId)).toBeUndefined();
    await expect(runs.readFacts('b', runId, 0)).rejects.toMatchObject({ code: 'not_found' });
    expect(await runs.append(creating(runId, { tenant: 'b' }))).toEqual({ status: 'appended' });
    expect((await runs.listRuns({ tenant: 'a', limit: 10 })).items).toHaveLength(1);
    expect(await runs.countByStatus('a')).toEqual({ queued: 1 });
    expect(await runs.countByStatus()).toEqual({ queued: 2 });
  });
};
