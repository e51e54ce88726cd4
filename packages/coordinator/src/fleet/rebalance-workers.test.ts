import { defaultTenant } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, type ScriptedWorker, stepOf, taskOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { pass } from '../../test/peer-scene.ts';

let scene: FleetScene;
afterEach(() => scene.close());

const open = async (...ids: readonly string[]): Promise<void> => {
  scene = await createFleetScene({ dags: [dagOf([stepOf('a')], { name: 'single' })], peers: true });
  for (const id of ids) await scene.start(id, { workerAddress: `${id}:worker` });
  await scene.settledAt(ids);
};

const told = (worker: ScriptedWorker): unknown => worker.of('refused').at(-1)?.error.details?.['moveTo'];

test('a welcome names where workers reach the coordinators that stay', async () => {
  await open('a', 'b');
  const worker = await scene.join('a');
  const named = worker.of('welcome')[0]?.coordinators ?? [];
  expect(named.toSorted()).toEqual(['a:worker', 'b:worker']);
});

test('idle workers of a coordinator with clearly more are asked to move, those that work are not, and it ends when all have their share', async () => {
  await open('a', 'b');
  const workers: ScriptedWorker[] = [];
  for (let count = 0; count < 6; count += 1) workers.push(await scene.join('a'));
  await scene.submit('a', 'single');
  const busy = workers.filter(({ offers }) => offers.length > 0);
  expect(busy.length).toBe(1);
  for (let look = 0; look < 20; look += 1) {
    await pass(scene, 500, ...workers.filter(({ closed }) => !closed));
    for (const worker of workers.filter((each) => each.closed && told(each) === 'b:worker')) {
      workers.splice(workers.indexOf(worker), 1);
      const moved = await scene.join('b', worker.info);
      workers.push(moved);
    }
  }
  expect(busy[0]?.closed).toBe(false);
  const held = (id: string) => scene.of(id).api;
  expect(workers.filter(({ closed }) => closed)).toEqual([]);
  expect(held('a').listWorkers(defaultTenant).length).toBe(6);
  expect(workers.filter((worker) => worker.of('welcome')[0]?.coordinatorId === 'b').length).toBe(3);
});

test('where all work without a pause, one after the other moves, and keeps what it does', async () => {
  await open('a', 'b');
  const workers: ScriptedWorker[] = [];
  for (let count = 0; count < 4; count += 1) workers.push(await scene.join('a'));
  const runs: string[] = [];
  for (let count = 0; count < 4; count += 1) runs.push(await scene.submit('a', 'single'));
  for (const worker of workers) worker.start(worker.offers[0]!);
  await pass(scene, 1_500, ...workers);
  expect(workers.filter(({ closed }) => closed)).toEqual([]);
  for (let look = 0; look < 20; look += 1) {
    await pass(scene, 500, ...workers.filter(({ closed }) => !closed));
    for (const worker of workers.filter(({ closed }) => closed)) {
      expect(told(worker)).toBe('b:worker');
      workers.splice(workers.indexOf(worker), 1);
      const [offer] = worker.offers;
      const moved = scene.connect('b', worker.info);
      moved.hello({ running: [{ ...taskOf(offer!), started: true }] });
      await scene.settle();
      workers.push(moved);
      moved.finish(offer!);
    }
  }
  expect(workers.filter((worker) => worker.of('welcome')[0]?.coordinatorId === 'b').length).toBe(2);
  for (const worker of workers.filter((each) => each.of('welcome')[0]?.coordinatorId === 'a'))
    worker.finish(worker.offers[0]!);
  await pass(scene, 1_000, ...workers);
  expect(await Promise.all(runs.map((runId) => scene.status(runId)))).toEqual(runs.map(() => 'succeeded'));
  // Nobody was offered a second time what somebody kept.
  const facts = (await Promise.all(runs.map((runId) => scene.facts(runId)))).flat();
  expect(facts.filter(({ type }) => type === 'step_leased').length).toBe(4);
  expect(facts.filter(({ type }) => type === 'step_lost')).toEqual([]);
});

test('a coordinator that a busy worker was sent to and did not reach is sent no other for minutes', async () => {
  await open('a', 'b');
  const workers: ScriptedWorker[] = [];
  for (let count = 0; count < 4; count += 1) workers.push(await scene.join('a'));
  for (let count = 0; count < 4; count += 1) await scene.submit('a', 'single');
  for (const worker of workers) worker.start(worker.offers[0]!);
  let sent = 0;
  for (let look = 0; look < 120; look += 1) {
    await pass(scene, 500, ...workers.filter(({ closed }) => !closed));
    for (const worker of workers.filter(({ closed }) => closed)) {
      sent += 1;
      workers.splice(workers.indexOf(worker), 1);
      const [offer] = worker.offers;
      const back = scene.connect('a', worker.info);
      back.hello({ running: [{ ...taskOf(offer!), started: true }] });
      await scene.settle();
      workers.push(back);
    }
  }
  expect([sent, workers.length]).toEqual([1, 4]);
});
