import { DomainError, defaultTenant } from '@skein/domain';
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
