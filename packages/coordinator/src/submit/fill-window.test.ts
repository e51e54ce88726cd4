import { DomainError, defaultTenant } from '@skein/domain';
import type { QueueStatus, RunQueue } from '@skein/ports';
import type { Scene } from '@skein/testkit';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const plain = dagOf([stepOf('work')], { name: 'plain' });
const calls = dagOf([callOf('go', 'plain')], { name: 'calls' });

/** A window of one place that `plain` has taken, and a run of `calls` that waits for it. */
const fullScene = async (): Promise<{ scene: Scene; first: string; waits: string }> => {
  const scene = await createScene({ dags: [plain, calls], config: { minWindow: 1 } });
  const first = await scene.submit('plain');
  const waits = await scene.submit('calls');
  expect([await scene.status(first), await scene.status(waits)]).toEqual(['running', 'queued']);
  return { scene, first, waits };
};

/** Lets every look at the project fail, and counts them; after a thousand they succeed, so that a busy loop ends. */
const breakProject = (scene: Scene, error: () => Error): { looks: number; mend: () => void } => {
  const { projects } = scene.stores;
  const revision = projects.revision.bind(projects);
  const broken = { looks: 0, mend: () => undefined as void };
  projects.revision = (tenant) => {
    broken.looks += 1;
    return broken.looks > 1_000 ? revision(tenant) : Promise.reject(error());
  };
  broken.mend = () => {
    projects.revision = revision;
  };
  return broken;
};

const errors = {
  'a bug': () => new Error('a bug'),
  'a store that does not answer': () => new DomainError('unavailable', 'no answer'),
} as const;

describe('a queued run whose admission fails by', () => {
  test.each(Object.keys(errors) as (keyof typeof errors)[])(
    '%s is tried again after waits that grow, and let in once it can be',
    async (what) => {
      const { scene, first, waits } = await fullScene();
      const broken = breakProject(scene, errors[what]);
      await scene.coordinator.cancelRun(defaultTenant, first, 'someone');
      await scene.settle();
      expect(broken.looks).toBe(1);
      await scene.clock.advance(60_000);
      expect(broken.looks).toBeGreaterThan(5);
      expect(broken.looks).toBeLessThan(30);
      broken.mend();
      await scene.clock.advance(10_000);
      expect(await scene.status(waits)).toBe('running');
      await scene.close();
    },
  );

  test('a bug holds up no other run, however many such runs are before it', async () => {
    const { scene, first, waits } = await fullScene();
    for (let count = 0; count < 70; count += 1)
      await scene.coordinator.submitRun(defaultTenant, { dag: 'calls', priority: 5 });
    const next = await scene.submit('plain');
    breakProject(scene, errors['a bug']);
    await scene.coordinator.cancelRun(defaultTenant, first, 'someone');
    await scene.settle();
    expect([await scene.status(waits), await scene.status(next)]).toEqual(['queued', 'running']);
    await scene.close();
  });
});

test('a hint that somebody else has claimed is waited for without a busy loop', async () => {
  const { scene, first, waits } = await fullScene();
  const { queue } = scene.stores;
  const claim = queue.claim.bind(queue);
  let claims = 0;
  queue.claim = (limit, visibilityMs) => {
    claims += 1;
    return claims > 1_000 ? claim(limit, visibilityMs) : Promise.resolve([]);
  };
  await scene.coordinator.cancelRun(defaultTenant, first, 'someone');
  await scene.settle();
  expect(claims).toBeLessThan(5);
  queue.claim = claim;
  await scene.clock.advance(2_000);
  expect(await scene.status(waits)).toBe('running');
  await scene.close();
});

/** A window of one place, a run in it, and others that wait; the queue is one on a server of its own, which `is` as the test says. */
const apartScene = async (waiting: number) => {
  const is: { up: boolean; losing: boolean; published: number } = { up: true, losing: false, published: 0 };
  const scene = await createScene({
    dags: [plain],
    config: { minWindow: 1 },
    wrap: ({ queue }) => {
      const status = (): QueueStatus => ({
        up: is.up,
        failures: 0,
        durability: 'durable',
        ...(is.up ? {} : { reason: 'gone' }),
      });
      const answer = <T>(call: () => Promise<T>): Promise<T> =>
        is.up ? call() : Promise.reject(new DomainError('unavailable', 'the queue does not answer'));
      const apart: RunQueue = {
        status,
        publish: (hints) =>
          answer(async () => {
            is.published += hints.length;
            if (!is.losing) await queue.publish(hints);
          }),
        claim: (limit, visibilityMs) => answer(() => queue.claim(limit, visibilityMs)),
        done: (claims) => answer(() => queue.done(claims)),
        release: (claims) => answer(() => queue.release(claims)),
        onAvailable: (wake) => queue.onAvailable(wake),
        size: () => answer(() => queue.size()),
        close: () => queue.close(),
      };
      return { queue: apart };
    },
  });
  const first = await scene.submit('plain');
  const waits: string[] = [];
  for (let index = 0; index < waiting; index += 1) {
    const { run } = await scene.coordinator.submitRun(defaultTenant, { dag: 'plain', priority: index });
    waits.push(run.runId);
  }
  await scene.settle();
  return { scene, is, first, waits };
};

const cancel = async (scene: Scene, runId: string): Promise<void> => {
  await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
  await scene.settle();
};

describe('a queue on a server of its own', () => {
  test('that is away keeps no run waiting: the next is let in from the store, in its order', async () => {
    const { scene, is, first, waits } = await apartScene(3);
    is.up = false;
    await cancel(scene, first);
    expect(await Promise.all(waits.map((runId) => scene.status(runId)))).toEqual(['queued', 'queued', 'running']);
    await cancel(scene, waits[2] ?? '');
    expect(await Promise.all(waits.slice(0, 2).map((runId) => scene.status(runId)))).toEqual(['queued', 'running']);
    is.up = true;
    await cancel(scene, waits[1] ?? '');
    expect(await scene.status(waits[0] ?? '')).toBe('running');
    await scene.close();
  });

  test('that goes away between a hint and its claim delays the run by no more than two sweeps', async () => {
    const { scene, is, first, waits } = await apartScene(1);
    const { queue } = scene.stores;
    const publish = queue.publish.bind(queue);
    queue.publish = async (hints) => {
      await publish(hints);
      is.up = false;
    };
    await cancel(scene, first);
    expect(await scene.status(waits[0] ?? '')).toBe('queued');
    await scene.clock.advance(2_000);
    expect(await scene.status(waits[0] ?? '')).toBe('running');
    await scene.close();
  });

  test('that loses every hint delays a run by no more than two sweeps, and is told of it no more often than once a sweep', async () => {
    const { scene, is, first, waits } = await apartScene(1);
    is.losing = true;
    is.published = 0;
    await cancel(scene, first);
    expect(await scene.status(waits[0] ?? '')).toBe('queued');
    await scene.clock.advance(2_000);
    expect(await scene.status(waits[0] ?? '')).toBe('running');
    expect(is.published).toBeLessThan(4);
    await scene.close();
  });

  test('that does not learn that a hint is done changes nothing', async () => {
    const { scene, first, waits, is } = await apartScene(2);
    const { queue } = scene.stores;
    const claim = queue.claim.bind(queue);
    queue.claim = async (limit, visibilityMs) => {
      const claimed = await claim(limit, visibilityMs);
      is.up = false;
      return claimed;
    };
    await cancel(scene, first);
    expect(await Promise.all(waits.map((runId) => scene.status(runId)))).toEqual(['queued', 'running']);
    queue.claim = claim;
    is.up = true;
    await scene.clock.advance(20_000);
    expect(await Promise.all(waits.map((runId) => scene.status(runId)))).toEqual(['queued', 'running']);
    await cancel(scene, waits[1] ?? '');
    expect(await scene.status(waits[0] ?? '')).toBe('running');
    expect(await queue.size()).toBe(0);
    await scene.close();
  });
});
