import { defaultTenant } from '@skein/domain';
import type { RunStore } from '@skein/ports';
import { expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating, going, note, type RunSketch } from './run-fixtures.ts';
import { type MakeHarness, useHarness } from './store-harness.ts';

const tenant = defaultTenant;

/** Conformance of the lists over run heads: pages, open runs, dispatch order and timers. */
export const describeRunListing = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(4);
  const add = async (runs: RunStore, sketch: RunSketch): Promise<string> => {
    const runId = ids.next('run');
    await runs.append(creating(runId, sketch));
    return runId;
  };

  test('lists runs newest first, in pages, by DAG and by status', async () => {
    const { runs } = await harness.open();
    const made: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      made.push(await add(runs, { dag: index % 2 === 0 ? 'even' : 'odd', createdAt: 1_000 + index }));
    }
    await runs.append(going(creating(made[3] as string, { dag: 'odd' }).head, [note('x')], { status: 'failed' }));
    const newest = made.toReversed();
    const first = await runs.listRuns({ tenant, limit: 3 });
    expect(first.items.map((head) => head.runId)).toEqual(newest.slice(0, 3));
    const rest = await runs.listRuns({ tenant, limit: 10, cursor: first.nextCursor as string });
    expect(rest.items.map((head) => head.runId)).toEqual(newest.slice(3));
    expect(rest.nextCursor).toBeUndefined();
    expect((await runs.listRuns({ tenant, limit: 7 })).nextCursor).toBeUndefined();
    const odd = await runs.listRuns({ tenant, dag: 'odd', limit: 10 });
    expect(odd.items.map((head) => head.runId)).toEqual([made[5], made[3], made[1]]);
    const failed = await runs.listRuns({ tenant, status: 'failed', limit: 10 });
    expect(failed.items.map((head) => head.runId)).toEqual([made[3]]);
    expect((await runs.listRuns({ tenant, dag: 'none', limit: 10 })).items).toEqual([]);
  });

  test('lists roots only, and the children of one run on request', async () => {
    const { runs } = await harness.open();
    const root = await add(runs, { dag: 'outer' });
    const other = await add(runs, { dag: 'inner' });
    const child = { parentRunId: root, rootRunId: root };
    const [first, second] = [await add(runs, { ...child, dag: 'inner' }), await add(runs, { ...child, dag: 'outer' })];
    const grandchild = await add(runs, { dag: 'inner', parentRunId: first, rootRunId: root });
    const listed = async (filter: object) =>
      (await runs.listRuns({ tenant, limit: 10, ...filter })).items.map((head) => head.runId);
    expect(await listed({})).toEqual([other, root]);
    expect(await listed({ dag: 'inner' })).toEqual([other]);
    expect(await listed({ parentRunId: root })).toEqual([second, first]);
    expect(await listed({ parentRunId: root, dag: 'inner' })).toEqual([first]);
    expect(await listed({ parentRunId: root, cursor: second })).toEqual([first]);
    expect(await listed({ parentRunId: root, status: 'failed' })).toEqual([]);
    expect(await listed({ parentRunId: first })).toEqual([grandchild]);
    expect(await runs.readHead(tenant, grandchild)).toMatchObject({ parentRunId: first, rootRunId: root });
    expect(Object.keys((await runs.readHead(tenant, root)) ?? {})).not.toContain('parentRunId');
  });

  test('a called run is driven like any other, and keeps its parents whatever a later head says', async () => {
    const { runs } = await harness.open();
    const root = await add(runs, { status: 'running' });
    const sketch = { parentRunId: root, rootRunId: root, dueAt: 500, createdAt: 2_000 };
    const child = await add(runs, sketch);
    expect((await runs.nextQueued([0], 10)).map((head) => head.runId)).toEqual([child]);
    expect((await runs.listDue([0], 500, 10)).map((head) => head.runId)).toEqual([child]);
    const { parentRunId: _, ...stray } = going(creating(child, sketch).head, [note('x')], { status: 'running' }).head;
    await runs.append({ ...going(creating(child, sketch).head, [note('x')]), head: { ...stray, rootRunId: 'run_x' } });
    expect((await runs.listOpen([0])).map((head) => head.runId)).toEqual([root, child]);
    expect(await runs.readHead(tenant, child)).toMatchObject({ parentRunId: root, rootRunId: root, seq: 2 });
  });

  test('open runs are those that were admitted and are not terminal, oldest first, of the asked shards', async () => {
    const { runs } = await harness.open();
    await add(runs, { status: 'queued' });
    const waiting = await add(runs, { status: 'waiting', createdAt: 3_000, shard: 255 });
    const running = await add(runs, { status: 'running', createdAt: 2_000 });
    await add(runs, { status: 'running', shard: 7 });
    for (const status of ['succeeded', 'failed', 'cancelled'] as const) await add(runs, { status });
    expect((await runs.listOpen([0, 255])).map((head) => head.runId)).toEqual([running, waiting]);
    expect(await runs.listOpen([])).toEqual([]);
  });

  test('hands out queued runs by priority, then in turns of tenant and DAG, then by age', async () => {
    const { runs } = await harness.open();
    const flood = [];
    for (let index = 0; index < 4; index += 1) flood.push(await add(runs, { dag: 'flood', createdAt: 1_000 + index }));
    const other = await add(runs, { dag: 'calm', createdAt: 2_000 });
    const neighbour = await add(runs, { tenant: 'b', dag: 'flood', createdAt: 3_000 });
    const urgent = await add(runs, { dag: 'flood', priority: 5, createdAt: 9_000 });
    await add(runs, { shard: 9, priority: 99 });
    await add(runs, { status: 'running', priority: 99 });
    const order = (await runs.nextQueued([0, 1], 100)).map((head) => head.runId);
    expect(order).toEqual([urgent, flood[0], other, neighbour, flood[1], flood[2], flood[3]]);
    expect((await runs.nextQueued([0], 2)).map((head) => head.runId)).toEqual([urgent, flood[0]]);
    expect(await runs.nextQueued([], 5)).toEqual([]);
  });

  test('lists timers that are due, the oldest first, and follows them as they move', async () => {
    const { runs } = await harness.open();
    const late = await add(runs, { dueAt: 300 });
    const early = await add(runs, { dueAt: 100 });
    const exact = await add(runs, { dueAt: 500 });
    await add(runs, { dueAt: 501 });
    await add(runs, { dueAt: 1, shard: 3 });
    await add(runs, {});
    const due = async (now: number, limit = 10) => (await runs.listDue([0], now, limit)).map((head) => head.runId);
    expect(await due(500)).toEqual([early, late, exact]);
    expect(await due(500, 2)).toEqual([early, late]);
    await runs.append(going(creating(early).head, [note('moved')], { dueAt: 400 }));
    await runs.append(going(creating(late).head, [note('cleared')]));
    expect(await due(500)).toEqual([early, exact]);
    expect(await due(399)).toEqual([]);
  });

  test('counts runs by status', async () => {
    const { runs } = await harness.open();
    expect(await runs.countByStatus()).toEqual({});
    const runId = await add(runs, {});
    await add(runs, {});
    await runs.append(going(creating(runId).head, [note('x')], { status: 'succeeded', finishedAt: 1 }));
    expect(await runs.countByStatus()).toEqual({ queued: 1, succeeded: 1 });
  });
};
