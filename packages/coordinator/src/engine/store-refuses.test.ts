import { DomainError, defaultTenant } from '@skein/domain';
import { createScene, dagOf, type Scene, stepOf, taskOf } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';

const dag = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'two' });

const setUp = async () => {
  const scene = await createScene({ dags: [dag] });
  onTestFinished(() => scene.close());
  const disk = { full: false };
  const refuse = () => Promise.reject(new DomainError('unavailable', 'no room', { reason: 'disk_full' }));
  scene.onAppend = (request, append) => (disk.full ? refuse() : append(request));
  const { runs } = scene.stores;
  const probe = runs.probeWrite.bind(runs);
  runs.probeWrite = () => (disk.full ? refuse() : probe());
  return { scene, disk };
};

/** Time in which the worker goes on to say that it lives. */
const live = async (scene: Scene, beat: () => void, ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 1_000) {
    beat();
    await scene.clock.advance(1_000);
  }
};

test('a result that the full disk cannot hold is not acknowledged, and is recorded once when there is room again [crash 22]', async () => {
  const { scene, disk } = await setUp();
  const worker = await scene.join();
  const runId = await scene.submit('two');
  const [offer] = worker.offers;
  worker.start(offer!);
  disk.full = true;
  await scene.answer(worker, 0);
  await live(scene, () => worker.beat(), 30_000);
  expect(worker.of('result_acknowledged')).toEqual([]);
  expect(worker.of('revoke')).toEqual([]);
  expect(scene.coordinator.readiness()).toMatchObject({ status: 'not_ready', checks: { store: { ok: false } } });
  expect(scene.coordinator.readiness().checks['store']?.detail).toMatch(/disk_full/);
  disk.full = false;
  for (let tries = 0; tries < 100 && worker.offers.length < 2; tries += 1) {
    worker.beat();
    await scene.clock.advance(100);
  }
  expect(worker.of('result_acknowledged')).toEqual([
    { type: 'result_acknowledged', task: taskOf(offer!), outcome: 'recorded' },
  ]);
  expect(scene.coordinator.readiness().status).toBe('ready');
  await scene.answer(worker, 1);
  expect(await scene.status(runId)).toBe('succeeded');
  expect((await scene.types(runId)).filter((type) => type === 'step_finished')).toHaveLength(2);
});

test('while the disk is full new work is refused at once with the reason, and the same request goes through afterwards', async () => {
  const { scene, disk } = await setUp();
  const open = await scene.submit('two');
  disk.full = true;
  const submit = () => scene.coordinator.submitRun(defaultTenant, { dag: 'two', idempotencyKey: 'k' });
  await expect(submit()).rejects.toMatchObject({ code: 'unavailable', details: { reason: 'disk_full' } });
  // The first was refused by the store; from then on nobody asks it.
  const asked = scene.appends.length;
  await expect(submit()).rejects.toMatchObject({ code: 'unavailable', details: { reason: 'disk_full' } });
  await expect(scene.coordinator.cancelRun(defaultTenant, open, 'me')).rejects.toMatchObject({ code: 'unavailable' });
  expect(scene.appends).toHaveLength(asked);
  disk.full = false;
  await scene.clock.advance(10_000);
  const first = await submit();
  const again = await submit();
  expect([first.created, again.created, again.run.runId]).toEqual([true, false, first.run.runId]);
  expect((await scene.coordinator.cancelRun(defaultTenant, open, 'me')).runId).toBe(open);
});

test('a damaged run is left alone and named, and the others go on [crash 23]', async () => {
  const { scene } = await setUp();
  const bad = await scene.submit('two');
  const good = await scene.submit('two');
  const { runs } = scene.stores;
  const read = runs.readFacts.bind(runs);
  runs.readFacts = (tenant, runId, ...rest) =>
    runId === bad
      ? Promise.reject(new DomainError('data_corrupt', 'row 1 is damaged', { runId }))
      : read(tenant, runId, ...rest);
  await scene.restart();
  const worker = await scene.join();
  await scene.answer(worker, 0);
  await scene.answer(worker, 1);
  expect(worker.offers.map(({ runId }) => runId)).toEqual([good, good]);
  expect(await scene.status(good)).toBe('succeeded');
  expect(scene.coordinator.readiness().checks['runs']?.detail).toContain(bad);
  await expect(scene.view(bad)).rejects.toMatchObject({ code: 'data_corrupt' });
});

test('a coordinator stops also while its store neither writes nor reads, and leaves what is on the disk', async () => {
  const scene = await createScene({ dags: [dag] });
  const worker = await scene.join();
  const runId = await scene.submit('two');
  const { runs } = scene.stores;
  const closed = () => Promise.reject(new DomainError('unavailable', 'gone', { reason: 'closed' }));
  scene.onAppend = closed;
  runs.probeWrite = closed;
  runs.readHead = closed;
  worker.finish(worker.offers[0]!);
  await scene.clock.advance(1_000);
  let stopped = false;
  void scene.coordinator.stop().then(() => {
    stopped = true;
  });
  for (let tries = 0; tries < 20 && !stopped; tries += 1) await scene.clock.advance(1_000);
  expect(stopped).toBe(true);
  expect(worker.of('result_acknowledged')).toEqual([]);
  expect((await scene.types(runId)).at(-1)).toBe('step_leased');
});

test('results of many runs that came while the store was closed have their turn when it opens', async () => {
  const { scene, disk } = await setUp();
  const workers = [await scene.join(), await scene.join(), await scene.join()];
  const runs = [await scene.submit('two'), await scene.submit('two'), await scene.submit('two')];
  for (const worker of workers) worker.start(worker.offers[0]!);
  disk.full = true;
  // One append closes the store while the others are in flight or wait for it.
  for (const worker of workers) worker.finish(worker.offers[0]!);
  await live(scene, () => workers.forEach((worker) => worker.beat()), 60_000);
  disk.full = false;
  for (
    let tries = 0;
    tries < 100 && workers.some((worker) => worker.of('result_acknowledged').length === 0);
    tries += 1
  ) {
    for (const worker of workers) worker.beat();
    await scene.clock.advance(100);
  }
  for (const worker of workers) worker.credits(1);
  await scene.settle();
  for (const worker of workers)
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
  for (const runId of runs) {
    expect((await scene.types(runId)).filter((type) => type === 'step_lost')).toEqual([]);
    expect((await scene.types(runId)).filter((type) => type === 'step_leased')).toHaveLength(2);
  }
});

test('a run whose damage is found by an append is left alone and named, and the others go on without a pause [crash 23]', async () => {
  const { scene } = await setUp();
  const worker = await scene.join({ slots: 2 });
  const bad = await scene.submit('two');
  const good = await scene.submit('two');
  const [first, second] = worker.offers;
  scene.onAppend = (request, append) =>
    request.runId === bad
      ? Promise.reject(new DomainError('data_corrupt', 'page 7 is damaged', { runId: bad }))
      : append(request);
  worker.finish(first!);
  await scene.settle();
  expect(scene.coordinator.readiness().checks).toMatchObject({
    store: { detail: expect.not.stringContaining('takes no writes') },
    runs: { detail: expect.stringContaining(bad) },
  });
  worker.finish(second!);
  worker.credits(1);
  await scene.settle();
  await scene.answer(worker, 2);
  expect(await scene.status(good)).toBe('succeeded');
  await live(scene, () => worker.beat(), 60_000);
  expect(
    scene.appends.filter(({ runId, facts }) => runId === bad && facts.length > 0 && facts[0]?.type === 'step_finished'),
  ).toHaveLength(1);
  expect(worker.of('result_acknowledged').map(({ task }) => task.runId)).toEqual([good, good]);
  expect(worker.of('revoke')).toEqual([]);
  await expect(scene.coordinator.cancelRun(defaultTenant, bad, 'me')).rejects.toMatchObject({ code: 'data_corrupt' });
});

test('an append that finds damage closes the store when nothing else can be written either', async () => {
  const { scene, disk } = await setUp();
  const worker = await scene.join();
  await scene.submit('two');
  disk.full = true;
  scene.onAppend = () => Promise.reject(new DomainError('data_corrupt', 'the file is damaged'));
  scene.stores.runs.probeWrite = () => Promise.reject(new DomainError('data_corrupt', 'the file is damaged'));
  worker.finish(worker.offers[0]!);
  await scene.settle();
  expect(scene.coordinator.readiness()).toMatchObject({ status: 'not_ready' });
  expect(scene.coordinator.readiness().checks['store']?.detail).toMatch(/takes no writes \(damaged\)/);
});
