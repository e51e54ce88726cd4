import type { WorkerInfo } from '@skein/domain';
import type { Scene, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

const safe = dagOf([stepOf('a', { repeatSafe: true })], { name: 'safe' });
const both = dagOf([stepOf('a', { repeatSafe: true, onWorkerLoss: 'fail' })], { name: 'both' });

const setUp = async () => {
  const scene = await createScene({ dags: [safe, both] });
  onTestFinished(() => scene.close());
  return scene;
};

/** Time passes until the worker has so many offers, or a minute is over. */
const untilOffers = async (scene: Scene, worker: ScriptedWorker, count: number): Promise<void> => {
  for (let tries = 0; tries < 120 && worker.offers.length < count; tries += 1) {
    worker.beat();
    await scene.clock.advance(500);
  }
};

/** A worker that takes one task on a stream of its own. */
const takeOne = async (scene: Scene, info: Partial<WorkerInfo>): Promise<ScriptedWorker> => {
  const worker = await scene.join(info);
  await untilOffers(scene, worker, 1);
  if (worker.offers[0] !== undefined) worker.start(worker.offers[0]);
  return worker;
};

describe('a step that may run twice', () => {
  test('is charged nothing for streams that break while their worker lives', async () => {
    const scene = await setUp();
    const runId = await scene.submit('safe');
    for (let times = 1; times <= 12; times += 1) {
      const worker = await takeOne(scene, { workerId: 'wrk_a', incarnation: 'one' });
      worker.break();
    }
    const last = await takeOne(scene, { workerId: 'wrk_a', incarnation: 'one' });
    expect(last.offers).toHaveLength(1);
    const { status, steps } = await scene.view(runId);
    expect([status, steps[0]?.losses]).toEqual(['running', undefined]);
  });

  test('is charged nothing for the silence of a worker that was heard again, also when it exits later', async () => {
    const scene = await setUp();
    const runId = await scene.submit('safe');
    const worker = await takeOne(scene, {});
    await scene.clock.advance(4_000);
    worker.credits(1);
    await untilOffers(scene, worker, 2);
    expect((await scene.view(runId)).steps[0]?.losses).toBeUndefined();
    const exit = ({ info }: ScriptedWorker) =>
      scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: info.incarnation });
    worker.start(worker.offers[1]!);
    await exit(worker);
    await exit(await takeOne(scene, {}));
    await scene.settle();
    expect((await scene.view(runId)).steps[0]?.losses).toEqual({ execution: 2, transport: 0 });
  });

  test.each([
    [
      'is reported as exited',
      (scene: Scene, worker: ScriptedWorker) =>
        scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: worker.info.incarnation }),
    ],
    ['is not heard for a lease', (scene: Scene) => scene.clock.advance(8_000)],
    [
      'comes back as another process',
      async (scene: Scene, worker: ScriptedWorker) => {
        const next = scene.connect({ ...worker.info, incarnation: 'another' });
        next.hello();
        await scene.settle();
      },
    ],
  ])('is charged once its worker %s, so that one that kills its workers is poison', async (_what, happen) => {
    const scene = await setUp();
    const runId = await scene.submit('safe');
    let runs = 0;
    for (; runs < 12 && (await scene.status(runId)) === 'running'; runs += 1) {
      const worker = await takeOne(scene, {});
      worker.break();
      await happen(scene, worker);
    }
    const [letter] = (await scene.coordinator.listDeadLetters({ tenant: 'default', limit: 10 })).items;
    expect([runs, letter?.reason, letter?.executionAttempts]).toEqual([4, 'poison', 3]);
  });

  test('and must not run after a loss waits for the lapse of its lease', async () => {
    const scene = await setUp();
    const worker = await scene.join();
    const runId = await scene.submit('both');
    worker.start(worker.offers[0]!);
    worker.break();
    await scene.clock.advance(3_000);
    const back = scene.connect(worker.info);
    back.hello({ running: [{ ...taskOf(worker.offers[0]!), started: true }] });
    back.finish(worker.offers[0]!);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
  });
});
