import { DomainError } from '@skein/domain';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const pair = dagOf([stepOf('a'), stepOf('b')], { name: 'pair' });
const away = () => Promise.reject(new DomainError('unavailable', 'the store is away'));

describe('a restart while the store answers badly', () => {
  test.each(['listOpen', 'readHead', 'readFacts'] as const)(
    'keeps the tasks of a worker that returns in time, though the first call of %s fails',
    async (method) => {
      const scene = await createScene({ dags: [single] });
      const worker = await scene.join();
      const runId = await scene.submit('single');
      const offer = worker.offers[0]!;
      const { runs } = scene.stores;
      const real = runs[method].bind(runs) as never;
      runs[method] = () => {
        runs[method] = real;
        return away();
      };
      const restarting = scene.restart();
      await scene.clock.advance(1_000);
      await restarting;
      const again = scene.connect(worker.info);
      again.hello({ running: [{ ...taskOf(offer), started: true }] });
      await scene.settle();
      expect(again.of('welcome')[0]?.keep).toEqual([taskOf(offer)]);
      again.finish(offer);
      await scene.settle();
      expect(await scene.types(runId)).not.toContain('step_lost');
      expect(await scene.status(runId)).toBe('succeeded');
      await scene.close();
    },
  );
});

test('a store that reads but does not write is not asked in a busy loop, and nothing is lost when it comes back', async () => {
  const scene = await createScene({ dags: [single] });
  const worker = await scene.join();
  const runId = await scene.submit('single');
  const before = scene.appends.length;
  scene.onAppend = away;
  worker.finish(worker.offers[0]!);
  for (let beats = 0; beats < 10; beats += 1) {
    await scene.clock.advance(1_000);
    worker.beat();
  }
  const asked = scene.appends.length - before;
  expect(asked).toBeGreaterThan(3);
  expect(asked).toBeLessThan(20);
  scene.onAppend = (request, append) => append(request);
  await scene.clock.advance(3_000);
  expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
  expect(await scene.status(runId)).toBe('succeeded');
  await scene.close();
});

test('facts that no store takes do not spin, and the result of the holder is recorded once they can be taken', async () => {
  const scene = await createScene({ dags: [single] });
  const worker = await scene.join();
  const runId = await scene.submit('single');
  const before = scene.appends.length;
  scene.onAppend = () => Promise.reject(new DomainError('too_large', 'fact over 64 KiB', { limit: 1 }));
  worker.finish(worker.offers[0]!);
  for (let beats = 0; beats < 5; beats += 1) {
    await scene.clock.advance(1_000);
    worker.beat();
  }
  expect(scene.appends.length - before).toBeLessThan(30);
  expect(worker.of('result_acknowledged')).toEqual([]);
  scene.onAppend = (request, append) => append(request);
  for (let beats = 0; beats < 6; beats += 1) {
    await scene.clock.advance(1_000);
    worker.beat();
  }
  expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
  expect(await scene.types(runId)).not.toContain('step_lost');
  expect(await scene.status(runId)).toBe('succeeded');
  await scene.close();
});

test('a cancel that waits for its turn is answered also when the run is given up', async () => {
  const scene = await createScene({ dags: [single] });
  const runId = await scene.submit('single');
  scene.onAppend = () => Promise.reject(new DomainError('too_large', 'fact over 64 KiB', { limit: 1 }));
  const cancels = Promise.allSettled([1, 2, 3].map(() => scene.coordinator.cancelRun('default', runId, 'me')));
  await scene.clock.advance(10_000);
  for (const cancel of await cancels) expect(cancel.status).toBe('rejected');
  await scene.close();
});

test('a reader sees only what is durable, also when the next turn follows at once', async () => {
  const scene = await createScene({ dags: [pair] });
  const worker = await scene.join({ slots: 2 });
  const runId = await scene.submit('pair');
  const releases: (() => void)[] = [];
  scene.onAppend = (request, append) =>
    new Promise((resolve, reject) => {
      releases.push(() => void append(request).then(resolve, reject));
    });
  worker.finish(worker.offers[0]!);
  await scene.settle();
  worker.finish(worker.offers[1]!);
  const reading = scene.coordinator.getRun('default', runId);
  await scene.settle();
  releases.shift()!();
  const view = await reading;
  expect(view.steps.map(({ status }) => status).toSorted()).toEqual(['running', 'succeeded']);
  expect(view.status).toBe('running');
  await scene.settle();
  releases.shift()!();
  await scene.settle();
  expect((await scene.coordinator.getRun('default', runId)).status).toBe('succeeded');
  await scene.close();
});

describe('whatever a worker reports becomes a fact that fits', () => {
  test('an error of any size is cut', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const error = { code: 'internal', message: 'm'.repeat(200_000), details: { trace: 't'.repeat(100_000) } } as const;
    worker.finish(worker.offers[0]!, { status: 'failed', error });
    await scene.settle();
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({
      status: 'failed',
      steps: [{ error: { code: 'internal', message: expect.stringContaining('mmm') as string } }],
    });
    await scene.close();
  });

  test('more outputs than a fact can name are a failure of the step', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const outputs = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`out${index}`, { inline: 1 }]));
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, outputs);
    await scene.settle();
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({
      status: 'failed',
      steps: [{ error: { code: 'too_large' } }],
    });
    await scene.close();
  });
});

test('a lease whose append was in doubt was never offered: it is given up at once and the attempt is not charged', async () => {
  const scene = await createScene({ dags: [single] });
  const worker = await scene.join();
  scene.onAppend = async (request, append) => {
    await append(request);
    scene.onAppend = (later, own) => own(later);
    throw new DomainError('unavailable', 'the answer was lost');
  };
  await scene.coordinator.submitRun('default', { dag: 'single' });
  await scene.clock.advance(500);
  expect(worker.offers.map(({ attempt }) => attempt)).toEqual([1]);
  await scene.close();
});
