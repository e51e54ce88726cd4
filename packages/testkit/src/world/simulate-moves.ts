import type { Dag, RunFact } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { Random, RunHead } from '@skein/ports';
import { dagOf, stepOf } from '../fixtures/dag-fixtures.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { allRuns, checkWorld } from './check-world.ts';
import type { SimCoordinator } from './coordinator-places.ts';
import type { SimWorker, World } from './create-world.ts';
import { createWorld } from './create-world.ts';
import type { FleetMutant } from './fleet-mutant.ts';
import type { Client } from './sim-clients.ts';
import { pick, submit } from './sim-clients.ts';
import type { SimulationReport } from './simulate.ts';
import { linesOf } from './simulate.ts';

/** Settings of one simulation of a fleet that is restarted in order. */
export interface MovesOptions {
  readonly seed: number;
  readonly mutant?: FleetMutant;
  /** Sees the world before the oracle judges it. */
  readonly inspect?: (world: World) => Promise<void>;
}

/** What one simulation found. */
export type MovesReport = Pick<
  SimulationReport,
  'seed' | 'problems' | 'lastEvents' | 'runs' | 'facts' | 'executions'
> & {
  /** Coordinators and workers that were restarted. */
  readonly restarts: number;
};

/** Longest that a coordinator may take to leave in order (ms of simulated time). */
const leaveLimitMs = 60_000;

/** What a process said reaches the others before they see it end (ms). */
const lingerMs = 400;

/** Simulated time after the last restart within which every run must have ended. */
const calmLimitMs = 120_000;

const shell = (id: string, depends: readonly string[] = [], repeatSafe = false): ReturnType<typeof stepOf> =>
  stepOf(id, { depends, repeatSafe, action: { kind: 'shell', commands: ['true'] } });

const dags: readonly Dag[] = [
  dagOf([shell('a'), shell('b', ['a']), shell('c', ['b'])], { name: 'chain' }),
  dagOf([shell('a'), shell('b'), shell('c'), shell('d', ['a', 'b', 'c'])], { name: 'wide' }),
  dagOf([shell('a', [], true), shell('b', ['a'], true)], { name: 'safe' }),
];

const restartCoordinator = async (world: World, coordinator: SimCoordinator, pauseMs: number): Promise<void> => {
  const { api, process, place } = coordinator;
  await Promise.race([api.stop(), world.clock.sleep(leaveLimitMs)]);
  await world.clock.sleep(lingerMs);
  process.kill();
  await world.clock.sleep(pauseMs);
  await world.coordinators.start(place);
};

const restartWorker = async (world: World, worker: SimWorker, pauseMs: number): Promise<void> => {
  await worker.endpoint.drain('restart');
  await world.clock.sleep(lingerMs);
  worker.process.kill();
  await world.clock.sleep(pauseMs);
  world.startWorker(worker.place);
};

const hasEnded = async (world: World, { runId, error }: Client): Promise<boolean> => {
  if (runId === undefined) return error !== undefined;
  return (await world.stores.runs.readHead(defaultTenant, runId))?.finishedAt !== undefined;
};

const isOver = async (world: World, clients: readonly Client[]): Promise<boolean> => {
  for (const client of clients) if (!(await hasEnded(world, client))) return false;
  return world.workers.every(
    ({ process, endpoint }) =>
      !process.alive || (endpoint.state().running === 0 && endpoint.state().unacknowledged === 0),
  );
};

/** Nobody crashed and nothing was cut: every step began once, and no lease of one that had begun was lost. */
const checkOnce = (
  world: World,
  runs: readonly { readonly head: RunHead; readonly facts: readonly RunFact[] }[],
): string[] => {
  const problems: string[] = [];
  const begun = new Map<string, number>();
  const tokens = new Set<string>();
  const judged = new Set(runs.map(({ head }) => head.runId));
  for (const { runId, step, token, started } of world.ledger) {
    if (!started || !judged.has(runId)) continue;
    begun.set(`${runId} ${step}`, (begun.get(`${runId} ${step}`) ?? 0) + 1);
    tokens.add(`${runId} ${step} ${token}`);
  }
  for (const [step, times] of begun)
    if (times > 1) problems.push(`${step} began ${times} times, though nothing crashed`);
  for (const { head, facts } of runs) {
    if (head.status !== 'succeeded') problems.push(`run ${head.runId} is ${head.status} at the end`);
    for (const fact of facts)
      if (fact.type === 'step_lost' && tokens.has(`${head.runId} ${fact.step} ${fact.token}`))
        problems.push(`${head.runId} ${fact.step}: lost while it ran, ${fact.reason}, though nothing crashed`);
  }
  return problems;
};

const setDelays = (world: World, random: Random): void => {
  const names = [...world.coordinators.switchboards.keys()];
  // Some links are slow, each way by itself.
  for (const from of names)
    for (const to of names)
      if (from !== to)
        world.peerDelaysMs.set(
          `${from} ${to}`,
          random.next() < 0.3 ? 50 + random.integer(400) : 1 + random.integer(30),
        );
  world.setNetworkFaults({ maxDelayMs: 1 + random.integer(80) });
  world.storeFaults.maxDelayMs = 1 + random.integer(random.next() < 0.3 ? 300 : 40);
};

/**
 * Plays one seed: under load every coordinator and every worker is stopped in order and started again, one after the other or some at once;
 * links, store and network are slow, workers' streams break and are opened elsewhere at once, and nothing else goes wrong. Then the oracle, and a stricter one: no step is repeated.
 */
export const simulateMoves = async ({ seed, mutant, inspect }: MovesOptions): Promise<MovesReport> => {
  const random = createSeededRandom(`moves ${seed}`);
  const world = createWorld({
    seed,
    dags,
    coordinators: 3,
    fleet: true,
    workers: 2 + random.integer(3),
    slots: 1 + random.integer(3),
    minWindow: 4,
    checkpointFacts: 30,
    maxStepMs: 200 + random.integer(2_500),
    stepFailure: 0,
    ...(mutant === undefined ? {} : { fleetMutant: mutant }),
  });
  await world.start();
  setDelays(world, random.fork('delays'));
  const clients: Client[] = [];
  let isLoaded = true;
  const load = async (from: Random): Promise<void> => {
    while (isLoaded) {
      const client: Client = { key: `key-${clients.length}`, dag: dags[from.integer(dags.length)]?.name ?? 'chain' };
      clients.push(client);
      await submit(world, client);
      while (isLoaded && !(await hasEnded(world, client))) await world.clock.sleep(200);
      await world.clock.sleep(from.integer(300));
    }
  };
  for (let index = 0; index < 5; index += 1) void load(random.fork(`load ${index}`));
  await world.clock.advance(1_500 + random.integer(1_500));

  let restarts = 0;
  const isTogether = random.next() < 0.4;
  const places = [
    ...world.coordinators.alive.map(({ place }) => ({ kind: 'coordinator' as const, place })),
    ...world.workers.map(({ place }) => ({ kind: 'worker' as const, place })),
  ];
  const restart = async ({ kind, place }: (typeof places)[number], pauseMs: number): Promise<void> => {
    restarts += 1;
    const coordinator = world.coordinators.alive.find((one) => one.place === place);
    const worker = world.workers.find((one) => one.place === place && one.process.alive);
    if (kind === 'coordinator' && coordinator !== undefined) await restartCoordinator(world, coordinator, pauseMs);
    if (kind === 'worker' && worker !== undefined) await restartWorker(world, worker, pauseMs);
  };
  const turns = random.fork('turns');
  const order = turns.next() < 0.5 ? places : places.toReversed();
  const hops = random.fork('hops');
  const areHopping = hops.next() < 0.6;
  let left = 0;
  let isRolling = true;
  const roll = async (): Promise<void> => {
    for (const each of order) {
      left += 1;
      const done = restart(each, turns.integer(800)).finally(() => {
        left -= 1;
      });
      // Of coordinators one at a time; a worker may go while one does.
      if (!isTogether || each.kind === 'coordinator') await done;
      await world.clock.sleep(turns.integer(1_500));
    }
    isRolling = false;
  };
  void roll();
  const hop = async (): Promise<void> => {
    while (isRolling) {
      await world.clock.sleep(200 + hops.integer(1_500));
      pick(hops, world.workers)?.network.cutAll();
    }
  };
  if (areHopping) void hop();
  const limit = world.clock.monotonicMs() + calmLimitMs;
  while ((isRolling || left > 0) && world.clock.monotonicMs() < limit) await world.clock.advance(100);
  isLoaded = false;
  const calmLimit = world.clock.monotonicMs() + calmLimitMs;
  while (!(await isOver(world, clients)) && world.clock.monotonicMs() < calmLimit) await world.clock.advance(250);
  await world.clock.advance(8_000);
  world.storeFaults.maxDelayMs = 0;
  await inspect?.(world);
  const problems = [...(await checkWorld(world, clients))];
  const heads = await allRuns(world);
  const runs = await Promise.all(
    heads.map(async (head) => ({ head, facts: await world.stores.runs.readFacts(head.tenant, head.runId, 0) })),
  );
  problems.push(...checkOnce(world, areHopping ? runs.filter(({ head }) => head.dag !== 'safe') : runs));
  for (const { process } of [...world.coordinators.alive, ...world.workers]) process.kill();
  return {
    seed,
    problems,
    lastEvents: problems.length === 0 ? [] : linesOf(world),
    runs: heads.length,
    facts: heads.reduce((sum, { seq }) => sum + seq, 0),
    executions: world.ledger.filter(({ started }) => started).length,
    restarts,
  };
};
