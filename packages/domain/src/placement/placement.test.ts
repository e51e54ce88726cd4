import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StepKind } from '../dag/step.ts';
import type { WorkerLoad } from '../fleet/worker-info.ts';
import { placeTask } from './place-task.ts';
import { shardCount, shardOf } from './shard-of.ts';

const worker = (workerId: string, free: number, fields: Partial<WorkerLoad> = {}): WorkerLoad => ({
  workerId,
  labels: {},
  kinds: ['shell', 'agent'],
  slots: 4,
  free,
  accepting: true,
  ...fields,
});
const task = { selector: {}, kind: 'shell' } as const;

describe('placing a task', () => {
  test.each([
    ['no worker is there', [], 'no_worker_connected'],
    ['all are draining', [worker('a', 1, { accepting: false })], 'no_worker_connected'],
    ['none can do the kind', [worker('a', 1, { kinds: ['noop'] })], 'no_worker_matches'],
    ['all are busy', [worker('a', 0), worker('b', -1)], 'all_slots_busy'],
  ])('waits when %s', (_name, workers, error) => {
    expect(placeTask(task, workers)).toEqual({ ok: false, error });
  });

  test('waits for a label that no worker has, also one named like a member of every object', () => {
    const workers = [worker('a', 1, { labels: { zone: 'eu' } })];
    expect(placeTask({ ...task, selector: { zone: 'us' } }, workers)).toMatchObject({ error: 'no_worker_matches' });
    expect(placeTask({ ...task, selector: { constructor: 'x' } }, workers)).toMatchObject({
      error: 'no_worker_matches',
    });
    expect(placeTask({ ...task, selector: { zone: 'eu' } }, workers)).toMatchObject({ value: 'a' });
  });

  test('prefers who lacks the fewest bytes of the snapshot, then the most free slots, then the least id', () => {
    const lacking =
      (bytes: { readonly [workerId: string]: number }) =>
      ({ workerId }: WorkerLoad) =>
        bytes[workerId] ?? Number.NaN;
    const place = (bytes: { readonly [workerId: string]: number }, ...workers: readonly WorkerLoad[]) =>
      placeTask({ ...task, missingBytes: lacking(bytes) }, workers);
    expect(place({ a: 900, b: 0 }, worker('a', 4), worker('b', 1))).toMatchObject({ value: 'b' });
    expect(place({ a: 900, b: 800 }, worker('a', 4), worker('b', 1))).toMatchObject({ value: 'b' });
    expect(place({ a: 900, b: 0 }, worker('a', 4), worker('b', 0))).toMatchObject({ value: 'a' });
    expect(place({ a: 5, b: 5 }, worker('a', 1), worker('b', 3))).toMatchObject({ value: 'b' });
    expect(place({ b: 5, c: 5 }, worker('c', 2), worker('b', 2))).toMatchObject({ value: 'b' });
    expect(placeTask(task, [worker('c', 2), worker('b', 2)])).toMatchObject({ value: 'b' });
  });

  test('asks each candidate once what it lacks, and nobody else', () => {
    const asked: string[] = [];
    const missingBytes = ({ workerId }: WorkerLoad) => asked.push(workerId);
    const fleet = [worker('a', 1), worker('b', 0), worker('c', 1, { accepting: false }), worker('d', 1)];
    placeTask({ ...task, missingBytes }, fleet);
    expect(asked).toEqual(['a', 'd']);
  });

  test('gives a call to nobody, whatever a worker says that it can do', () => {
    const workers = [worker('a', 1, { kinds: ['call', 'shell'] })];
    expect(placeTask({ selector: {}, kind: 'call' }, workers)).toEqual({ ok: false, error: 'no_worker_matches' });
  });

  const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'));
  const kinds = fc.subarray<StepKind>(['shell', 'agent', 'noop'], { minLength: 1 });
  const workers = fc
    .array(
      fc.record({
        labels,
        kinds,
        free: fc.integer({ min: 0, max: 3 }),
        accepting: fc.boolean(),
        missing: fc.integer({ min: 0, max: 3 }),
      }),
    )
    .map((list) =>
      list.map(({ missing, ...fields }, index) => ({ ...worker(`w${index}`, fields.free, fields), missing })),
    );
  const tasks = fc.record({ selector: labels, kind: fc.constantFrom<StepKind>('shell', 'agent', 'noop') });

  test('never takes a worker that does not match or has no free slot, and never passes over a better one', () => {
    fc.assert(
      fc.property(tasks, fc.boolean(), workers, (asked, withSnapshot, fleet) => {
        const missing = (one: (typeof fleet)[number]) => (withSnapshot ? one.missing : 0);
        const request = withSnapshot ? { ...asked, missingBytes: missing } : asked;
        const able = fleet.filter(
          (one) =>
            one.accepting &&
            one.free > 0 &&
            one.kinds.includes(asked.kind) &&
            Object.entries(asked.selector).every(([label, value]) => one.labels[label] === value),
        );
        const placed = placeTask(request, fleet);
        expect(placed.ok).toBe(able.length > 0);
        if (!placed.ok) return;
        const chosen = able.find((one) => one.workerId === placed.value);
        const rank = (one: (typeof fleet)[number]) => one.free - 100 * missing(one);
        expect(chosen && rank(chosen)).toBe(Math.max(...able.map(rank)));
      }),
    );
  });

  test('does not depend on the order of the workers', () => {
    fc.assert(
      fc.property(tasks, workers, (asked, fleet) => {
        expect(placeTask(asked, fleet.toReversed())).toEqual(placeTask(asked, fleet));
      }),
    );
  });
});

describe('the shard of a run', () => {
  test('is fixed for ever', () => {
    const ids = ['', 'a', 'run_01890a5d-ac96-774b-bcce-b302099a8057', 'run_01890a5d-ac96-774b-bcce-b302099a8058'];
    expect(ids.map(shardOf)).toMatchInlineSnapshot(`
      [
        197,
        237,
        99,
        149,
      ]
    `);
  });

  test('is spread evenly over ids that differ in few places', () => {
    const counts = Array.from({ length: shardCount }, () => 0);
    const perShard = 400;
    for (let index = 0; index < shardCount * perShard; index++) {
      const shard = shardOf(`run_0190a5dc-ac96-774b-bcce-${index.toString(16).padStart(12, '0')}`);
      counts[shard] = (counts[shard] ?? Number.NaN) + 1;
    }
    expect(counts).toHaveLength(shardCount);
    const chiSquare = counts.reduce((sum, count) => sum + (count - perShard) ** 2 / perShard, 0);
    // 255 degrees of freedom: mean 255, deviation 22.6.
    expect(chiSquare).toBeLessThan(255 + 5 * 22.6);
  });
});
