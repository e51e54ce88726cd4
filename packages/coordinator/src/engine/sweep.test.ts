import { DomainError } from '@skein/domain';
import { createScene, dagOf, publishProject, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const agent = dagOf(
  [
    stepOf('look', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: true, propose: false } },
    }),
  ],
  { name: 'agent' },
);

describe('the sweep', () => {
  test('drives an open run that appeared in the store after the start', async () => {
    const scene = await createScene({ dags: [single] });
    // The append is done, its answer and every read after it are lost: the caller is told that nobody knows.
    scene.onAppend = async (request, append) => {
      await append(request);
      scene.onAppend = (later, own) => own(later);
      throw new DomainError('unavailable', 'the answer was lost');
    };
    const { runs } = scene.stores;
    const readHead = runs.readHead.bind(runs);
    runs.readHead = async () => {
      runs.readHead = readHead;
      return undefined;
    };
    await expect(scene.coordinator.submitRun('default', { dag: 'single' })).rejects.toMatchObject({
      code: 'unavailable',
    });
    const worker = await scene.join();
    expect(worker.offers).toEqual([]);
    for (let beats = 0; beats < 32 && worker.offers.length === 0; beats += 1) {
      await scene.clock.advance(1_000);
      worker.beat();
    }
    expect(worker.offers).toHaveLength(1);
    await scene.close();
  });

  test('wakes a run whose timer only the store remembers', async () => {
    const slow = dagOf([stepOf('a')], { name: 'slow', timeoutMs: 8_000 });
    const scene = await createScene({ dags: [slow] });
    const runId = await scene.submit('slow');
    // Four turns in a row that no store takes: the run is given up here until the sweep finds it.
    scene.onAppend = () => Promise.reject(new DomainError('too_large', 'fact over 64 KiB', { limit: 1 }));
    for (let tries = 0; tries < 4; tries += 1) {
      const cancelled = scene.coordinator.cancelRun('default', runId, 'me');
      await expect(cancelled).rejects.toMatchObject({ code: 'too_large' });
      await scene.clock.advance(500);
    }
    scene.onAppend = (request, append) => append(request);
    await scene.clock.advance(5_000);
    expect(await scene.types(runId)).not.toContain('cancel_requested');
    await scene.clock.advance(3_000);
    expect(await scene.types(runId)).toContain('cancel_requested');
    await scene.close();
  });
});

test('a worker that returns is told again to stop what was cancelled meanwhile', async () => {
  const scene = await createScene({ dags: [single] });
  const worker = await scene.join();
  const runId = await scene.submit('single');
  const offer = worker.offers[0]!;
  worker.start(offer);
  await scene.settle();
  worker.break();
  await scene.coordinator.cancelRun('default', runId, 'someone');
  const again = scene.connect(worker.info);
  again.hello({ running: [{ ...taskOf(offer), started: true }] });
  await scene.settle();
  expect(again.of('cancel').map(({ task }) => task)).toEqual([taskOf(offer)]);
  await scene.close();
});

test('a worker that is silent for two heartbeats gets nothing new until it is heard', async () => {
  const scene = await createScene({ dags: [single] });
  const worker = await scene.join();
  await scene.clock.advance(4_000);
  await scene.submit('single');
  expect(worker.offers).toEqual([]);
  worker.beat();
  await scene.settle();
  expect(worker.offers).toHaveLength(1);
  await scene.close();
});

test('a queued agent run pins its snapshot with the append that admits it', async () => {
  const scene = await createScene({ dags: [], config: { minWindow: 1 } });
  await publishProject(scene.stores.projects, scene.hasher, 'default', [agent], 0);
  await scene.submit('agent');
  await scene.submit('agent');
  const worker = await scene.join();
  worker.finish(worker.offers[0]!);
  worker.credits(1);
  await scene.settle();
  const admitting = scene.appends.filter(({ facts }) => facts.some(({ type }) => type === 'run_admitted'));
  expect(admitting).toHaveLength(2);
  for (const { facts, pinsSnapshot } of admitting) {
    const admitted = facts.find(({ type }) => type === 'run_admitted');
    expect(pinsSnapshot).toMatch(/^sha256:/);
    expect(admitted).toMatchObject({ snapshotDigest: pinsSnapshot });
  }
  await scene.close();
});
