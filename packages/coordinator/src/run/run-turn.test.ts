import { DomainError } from '@skein/domain';
import { createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });
const single = dagOf([stepOf('a')], { name: 'single' });

describe('one append per turn', () => {
  test('given a free worker, a submitted run is admitted and leased in the append that creates it', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    expect(scene.appends.map(({ facts }) => facts.map(({ type }) => type))).toEqual([
      ['run_submitted', 'run_admitted', 'step_leased'],
    ]);
    expect(worker.offers.map(({ step, attempt, token }) => ({ step, attempt, token }))).toEqual([
      { step: 'a', attempt: 1, token: 3 },
    ]);
    expect(await scene.status(runId)).toBe('running');
    await scene.close();
  });

  test('a result is recorded together with the lease of the next step, and the last one with the end of the run', async () => {
    const scene = await createScene({ dags: [chain] });
    const worker = await scene.join();
    const runId = await scene.submit('chain');
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await scene.settle();
    worker.finish(worker.offers[1]!);
    await scene.settle();
    expect(scene.appends.slice(1).map(({ facts }) => facts.map(({ type }) => type))).toEqual([
      ['step_finished', 'step_leased'],
      ['step_finished', 'run_finished'],
    ]);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('results that arrive while an append is in flight share the next one', async () => {
    const wide = dagOf([stepOf('a'), stepOf('b'), stepOf('c')], { name: 'wide' });
    const scene = await createScene({ dags: [wide] });
    const worker = await scene.join({ slots: 3 });
    await scene.submit('wide');
    let release: () => void = () => undefined;
    scene.onAppend = (request, append) =>
      new Promise((resolve, reject) => {
        release = () => void append(request).then(resolve, reject);
      });
    worker.finish(worker.offers[0]!);
    await scene.settle();
    worker.finish(worker.offers[1]!);
    worker.finish(worker.offers[2]!);
    await scene.settle();
    scene.onAppend = (request, append) => append(request);
    release();
    await scene.settle();
    expect(scene.appends.slice(1).map(({ facts }) => facts.length)).toEqual([1, 3]);
    await scene.close();
  });
});

describe('nothing is acknowledged before it is durable', () => {
  test('a result has no answer while its append is in flight', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.submit('single');
    let release: () => void = () => undefined;
    scene.onAppend = (request, append) =>
      new Promise((resolve, reject) => {
        release = () => void append(request).then(resolve, reject);
      });
    worker.finish(worker.offers[0]!);
    await scene.settle();
    expect(worker.of('result_acknowledged')).toEqual([]);
    release();
    await scene.settle();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    await scene.close();
  });

  test('when the answer of an append is lost, the log decides: the recorded result is a repetition', async () => {
    const scene = await createScene({ dags: [chain] });
    const worker = await scene.join();
    const runId = await scene.submit('chain');
    let failures = 0;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      failures += 1;
      if (failures === 1) throw new DomainError('unavailable', 'the answer was lost');
      return outcome;
    };
    worker.finish(worker.offers[0]!);
    await scene.settle();
    await scene.clock.advance(200);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['repeated']);
    expect((await scene.types(runId)).filter((type) => type === 'step_finished')).toHaveLength(1);
    await scene.close();
  });

  test('when an append failed, its commands are decided again on what the log says', async () => {
    const scene = await createScene({ dags: [chain] });
    const worker = await scene.join();
    const runId = await scene.submit('chain');
    let failures = 0;
    scene.onAppend = (request, append) => {
      failures += 1;
      if (failures === 1) throw new DomainError('unavailable', 'the store is away');
      return append(request);
    };
    worker.finish(worker.offers[0]!);
    await scene.settle();
    await scene.clock.advance(200);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(await scene.types(runId)).toEqual([
      'run_submitted',
      'run_admitted',
      'step_leased',
      'step_finished',
      'step_leased',
    ]);
    expect(worker.offers.map(({ step }) => step)).toEqual(['a', 'b']);
    await scene.close();
  });

  test('a submit whose append did not happen is refused as unavailable, and the same key works afterwards', async () => {
    const scene = await createScene({ dags: [single] });
    scene.onAppend = () => Promise.reject(new DomainError('unavailable', 'the store is away'));
    const refused = scene.coordinator.submitRun('default', { dag: 'single', idempotencyKey: 'k' });
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' });
    scene.onAppend = (request, append) => append(request);
    const { created } = await scene.coordinator.submitRun('default', { dag: 'single', idempotencyKey: 'k' });
    expect(created).toBe(true);
    await scene.close();
  });

  test('a submit whose answer was lost is accepted once the log shows the run', async () => {
    const scene = await createScene({ dags: [single] });
    let failures = 0;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      failures += 1;
      if (failures === 1) throw new DomainError('unavailable', 'the answer was lost');
      return outcome;
    };
    const { created, run } = await scene.coordinator.submitRun('default', { dag: 'single' });
    expect(created).toBe(true);
    expect((await scene.facts(run.runId)).length).toBeGreaterThan(0);
    await scene.close();
  });

  test('a lease that another writer took is given up, and the state follows the log', async () => {
    const scene = await createScene({ dags: [single] });
    const runId = await scene.submit('single');
    const head = await scene.stores.runs.readHead('default', runId);
    await scene.stores.runs.append({
      tenant: 'default',
      runId,
      expectedSeq: head!.seq,
      facts: [{ type: 'cancel_requested', v: 1, at: scene.clock.now(), by: 'another', reason: 'requested' }],
      head: { ...head!, seq: head!.seq + 1 },
    });
    const worker = await scene.join();
    await scene.clock.advance(200);
    expect(worker.offers).toEqual([]);
    expect(await scene.status(runId)).toBe('cancelled');
    await scene.close();
  });
});

test('a run with a fact of an unknown type is not driven here, and harms no other run', async () => {
  const scene = await createScene({ dags: [single] });
  const runId = await scene.submit('single');
  const head = await scene.stores.runs.readHead('default', runId);
  const strange = { type: 'from_the_future', v: 1, at: 0 } as never;
  await scene.stores.runs.append({
    tenant: 'default',
    runId,
    expectedSeq: head!.seq,
    facts: [strange],
    head: { ...head!, seq: head!.seq + 1 },
  });
  await scene.restart();
  const worker = await scene.join();
  expect(worker.offers).toEqual([]);
  await expect(scene.coordinator.getRun('default', runId)).rejects.toMatchObject({ code: 'unimplemented' });
  const other = await scene.submit('single');
  expect(worker.offers.map((offer) => offer.runId)).toEqual([other]);
  await scene.close();
});

test('a long run is read again from its checkpoint and the facts after it', async () => {
  const items = Array.from({ length: 30 }, (_, index) => index);
  const fan = dagOf([stepOf('f', { foreach: { items, maxConcurrent: 1 } }), stepOf('after', { depends: ['f'] })], {
    name: 'fan',
  });
  const scene = await createScene({ dags: [fan], config: { checkpointFacts: 10 } });
  const worker = await scene.join();
  const runId = await scene.submit('fan');
  for (let index = 0; index < 20; index += 1) {
    worker.finish(worker.offers[index]!);
    worker.credits(1);
    await scene.settle();
  }
  const checkpoint = await scene.stores.runs.loadCheckpoint('default', runId);
  expect(checkpoint?.seq).toBeGreaterThan(20);
  const before = await scene.coordinator.getRun('default', runId);
  await scene.restart();
  const after = await scene.coordinator.getRun('default', runId);
  expect(after.steps[0]?.items).toEqual(before.steps[0]?.items);
  await scene.close();
});
