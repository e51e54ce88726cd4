import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';
import { evaluationPriority } from '../evaluation/evaluation-priority.ts';
import { maxItems } from './plan-turn.ts';
import { maxTreeRuns } from './tree-sizes.ts';

const inner = dagOf([stepOf('work')], { name: 'inner' });
const foreach = { items: [1, 2, 3], maxConcurrent: 3 };
const outer = dagOf([stepOf('first'), callOf('go', 'inner', {}, { depends: ['first'], foreach })], { name: 'outer' });

test('a tree has room for the largest fan-out of calls', () => {
  expect(maxTreeRuns).toBeGreaterThan(maxItems + 1);
});

test.each([
  ['two runs fewer than it may have', maxTreeRuns - 3, { waiting: 2, failed: 1 }],
  ['as many runs as it may have', maxTreeRuns - 1, { failed: 3 }],
])('a tree with %s is counted in the store, page by page, and then as it grows', async (_what, children, items) => {
  const scene = await createScene({ dags: [outer, inner] });
  const worker = await scene.join();
  const runId = await scene.submit('outer');
  const { runs } = scene.stores;
  const head = await runs.readHead('default', runId);
  const { digest } = (await scene.stores.projects.findDag('default', 'inner'))!;
  const listRuns = runs.listRuns.bind(runs);
  runs.listRuns = async (filter) => {
    if (filter.parentRunId !== runId) return listRuns(filter);
    const from = Number(filter.cursor ?? 0);
    const count = Math.min(filter.limit, children - from);
    const items = Array.from({ length: count }, (_, at) => ({
      ...head!,
      runId: `run_${from + at}`,
      dag: 'inner',
      dagDigest: digest,
    }));
    return from + count < children ? { items, nextCursor: String(from + count) } : { items };
  };
  await scene.answer(worker, 0);
  expect((await scene.view(runId)).steps[1]?.items).toEqual({ count: 3, ...items });
  const [last] = (await scene.coordinator.listItems('default', runId, 'go', 1, '2')).items;
  expect(last?.error).toMatchObject({ code: 'resource_exhausted', details: { limit: maxTreeRuns } });
  await scene.close();
});

test('evaluation runs are none of the tree that they are about, however many there are', async () => {
  const scene = await createScene({ dags: [outer, inner] });
  const worker = await scene.join();
  const runId = await scene.submit('outer');
  const { runs } = scene.stores;
  const head = await runs.readHead('default', runId);
  const listRuns = runs.listRuns.bind(runs);
  runs.listRuns = async (filter) => {
    if (filter.parentRunId !== runId) return listRuns(filter);
    const about = (at: number) => ({ ...head!, runId: `run_${at}`, priority: evaluationPriority });
    return { items: Array.from({ length: maxTreeRuns }, (_, at) => about(at)) };
  };
  await scene.answer(worker, 0);
  expect((await scene.view(runId)).steps[1]?.items).toEqual({ count: 3, waiting: 3 });
  await scene.close();
});
