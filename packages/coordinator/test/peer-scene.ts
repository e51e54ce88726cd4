import { defaultTenant } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import type { FleetScene, FleetSceneOptions } from '@skein/testkit';
import { createFleetScene, dagOf, ScriptedWorker, stepOf } from '@skein/testkit';

const single = dagOf([stepOf('a')], { name: 'single' });
const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });
const wide = dagOf(
  ['a', 'b', 'c', 'd'].map((id) => stepOf(id)),
  { name: 'wide' },
);
const once = dagOf([stepOf('a', { onWorkerLoss: 'fail' })], { name: 'once' });
const safe = dagOf([stepOf('a', { repeatSafe: true })], { name: 'safe' });

/** Coordinators that reach one another, each home to its share of the shards. */
export const openPeers = async (
  ids: readonly string[],
  options: Partial<FleetSceneOptions> = {},
): Promise<FleetScene> => {
  const scene = await createFleetScene({ dags: [single, chain, wide, once, safe], peers: true, ...options });
  for (const id of ids) await scene.start(id);
  await scene.clock.advance(2_500);
  scene.passed.length = 0;
  return scene;
};

/** The same worker process opens another stream, and says what it runs and what has no answer. */
export const rejoin = async (
  scene: FleetScene,
  coordinatorId: string,
  worker: ScriptedWorker,
  said: Partial<Extract<WorkerMessage, { readonly type: 'hello' }>> = {},
): Promise<ScriptedWorker> => {
  const again = new ScriptedWorker({ coordinator: scene.of(coordinatorId).api }, worker.info, scene.joinToken);
  again.hello({ gaveUp: [], ...said });
  again.credits(worker.info.slots - (said.running?.length ?? 0));
  await scene.settle();
  return again;
};

/** Lets time pass while these workers say that they live. */
export const pass = async (scene: FleetScene, ms: number, ...workers: readonly ScriptedWorker[]): Promise<void> => {
  for (let left = ms; left > 0; left -= 500) {
    for (const worker of workers) worker.beat();
    await scene.clock.advance(Math.min(left, 500));
  }
};

/** Facts of a run, by their types. */
export const typesOf = async (scene: FleetScene, runId: string): Promise<readonly string[]> =>
  (await scene.facts(runId)).map(({ type }) => type);

/** How a run is, as this coordinator shows it. */
export const shownAt = async (scene: FleetScene, coordinatorId: string, runId: string): Promise<string> =>
  (await scene.finish(scene.of(coordinatorId).api.getRun(defaultTenant, runId))).status;
