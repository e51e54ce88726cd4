import { createScene, dagOf, stepOf } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { isRouted, routes } from './routes.ts';

test('every use case of a coordinator has its place', async () => {
  const scene = await createScene({ dags: [dagOf([stepOf('a')])] });
  onTestFinished(() => scene.close());
  expect(Object.keys(routes).toSorted()).toEqual(Object.keys(scene.coordinator).toSorted());
});

test('peers may call what is not local, and nothing else', () => {
  expect(isRouted('cancelRun')).toBe(true);
  for (const method of ['applyProject', 'createToken', 'rollouts', 'stop', 'toString', '__proto__', ''])
    expect(isRouted(method)).toBe(false);
});
