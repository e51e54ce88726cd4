import { createScene, dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });

test('runs that wait, and runs that ended a while ago, are in the store and not in memory', async () => {
  const scene = await createScene({ dags: [single], config: { minWindow: 8 } });
  const runIds: string[] = [];
  for (let count = 0; count < 300; count += 1) {
    runIds.push((await scene.coordinator.submitRun('default', { dag: 'single' })).run.runId);
  }
  await scene.settle();
  /** Runs that a reader finds only in the store. */
  const absent = async (): Promise<string[]> => {
    const { runs } = scene.stores;
    const read = runs.readFacts.bind(runs);
    const found: string[] = [];
    runs.readFacts = (tenant, runId, ...rest) => {
      found.push(runId);
      return read(tenant, runId, ...rest);
    };
    for (const runId of runIds) await scene.coordinator.getRun('default', runId);
    runs.readFacts = read;
    return found;
  };
  expect(await absent()).toHaveLength(300 - 8);
  const worker = await scene.join({ slots: 4 });
  for (let finished = 0; finished < 300; finished += 1) {
    worker.finish(worker.offers[finished]!);
    worker.credits(4);
    await scene.settle();
  }
  expect(await scene.stores.runs.countByStatus()).toEqual({ succeeded: 300 });
  // The last 256 stay readable from memory.
  expect(await absent()).toHaveLength(300 - 256);
  await scene.close();
});
