import { createScene, dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

test('what is not there is not found, instead of being empty', async () => {
  const scene = await createScene({ dags: [dagOf([stepOf('a')], { name: 'plain' })] });
  const { coordinator } = scene;
  const worker = await scene.join();
  const runId = await scene.submit('plain');
  worker.start(worker.offers[0]!);
  await scene.settle();
  const missing = { code: 'not_found' };
  const log = (attempt?: number) =>
    coordinator.readLog('default', runId, 'a', { offset: 0, limit: 10, ...(attempt === undefined ? {} : { attempt }) });
  expect(await log()).toMatchObject({ attempt: 1, complete: false });
  expect(await log(1)).toMatchObject({ attempt: 1 });
  await expect(log(2)).rejects.toMatchObject(missing);
  await expect(coordinator.listVersions('default', 'nobody')).rejects.toMatchObject(missing);
  expect(await coordinator.listSchedules('default', 'plain')).toEqual([]);
  await expect(coordinator.listSchedules('default', 'nothing')).rejects.toMatchObject(missing);
  await expect(coordinator.activateVersion('default', 'nobody', 'v1')).rejects.toMatchObject(missing);
  await expect(coordinator.memoryHistory('default', 'dag/plain', 5)).rejects.toMatchObject(missing);
  await scene.close();
});
