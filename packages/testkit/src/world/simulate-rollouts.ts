import type { VersionId } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { createSeededRandom } from '../seeded-random.ts';
import type { VersionQuality } from './agent-behaviour.ts';
import { createBehaviour } from './agent-behaviour.ts';
import { assertRollouts } from './assert-rollouts.ts';
import type { AskedRun } from './check-world.ts';
import { allRuns, checkWorld, runsOf } from './check-world.ts';
import type { World } from './create-world.ts';
import { createWorld } from './create-world.ts';
import { disturb, keepCoordinator, maxJumpMs, startFaults, stopFaults } from './disturbances.ts';
import type { RoutedClient } from './rollout-clients.ts';
import { retryEnded, routedClient, submitRouted } from './rollout-clients.ts';
import type { PlayedStep, RolloutEnd, RolloutHistory } from './rollout-history.ts';
import type { RolloutMutant } from './rollout-mutant.ts';
import type { Temper } from './rollout-people.ts';
import { playPerson } from './rollout-people.ts';
import { rolloutProject } from './rollout-project.ts';
import { linesOf } from './simulate.ts';
import type { WorldGround } from './world-stores.ts';

/** Settings of one simulation of rollouts. */
export interface RolloutSimulationOptions {
  readonly seed: number;
  /** Real stores and their clock; memory when not given. */
  readonly ground?: WorldGround;
  readonly mutant?: RolloutMutant;
  /** How long faults go on and people have wishes, in ms of simulated time. */
  readonly chaosMs?: number;
  /** Nothing fails but by chance of versions, nobody dies. */
  readonly calm?: true;
}

/** What one simulation of rollouts found. */
export interface RolloutSimulationReport {
  readonly seed: number;
  /** Broken invariants; none in a sound world. */
  readonly problems: readonly string[];
  /** The last lines that any process logged, for a seed that failed. */
  readonly lastEvents: readonly string[];
  readonly runs: number;
  readonly rollouts: number;
  readonly units: number;
  readonly writes: number;
  /** Writes by evaluators. */
  readonly actions: number;
  readonly coordinatorCrashes: number;
  readonly workerCrashes: number;
  /** What people wished for and evaluators did, and what became of it. */
  readonly outcomes: { readonly [outcome: string]: number };
}

const agents = ['scout', 'guide'] as const;

/** Simulated time after the faults within which everything must have ended. */
const calmLimitMs = 900_000;

/** `v1` is sound, `v2` as good, `v3` worse. */
const qualities: readonly VersionQuality[] = [{ failure: 0.05 }, { failure: 0.05 }, { failure: 0.9 }];

const endsOf = async ({ stores: { rollouts } }: World): Promise<readonly RolloutEnd[]> => {
  const ends: RolloutEnd[] = [];
  for (const record of (await rollouts.list(defaultTenant, undefined, 0, 0)).rollouts) {
    const units = await rollouts.readUnits(defaultTenant, record.id, 0, 100_000);
    const { evidence } = await rollouts.loadEvidence(defaultTenant, record.id);
    ends.push({ record, units, ...(evidence === undefined ? {} : { evidence }) });
  }
  return ends;
};

const historyOf = async (world: World, played: readonly PlayedStep[]): Promise<RolloutHistory> => ({
  commits: world.commits.commits,
  rollouts: await endsOf(world),
  events: (await world.stores.rollouts.readEvents(defaultTenant, 0, 100_000)).events,
  received: { receiver: world.received },
  runs: await runsOf(world, await allRuns(world)),
  played,
  // All scorers of this world look at every unit.
  sampler: () => true,
});

/** Retries that were made, whether or not somebody heard of it. */
const retriesOf = async (world: World): Promise<readonly AskedRun[]> =>
  (await allRuns(world)).flatMap(({ runId, retryOf }) =>
    retryOf === undefined ? [] : [{ key: `retry of ${retryOf} ${runId}`, runId }],
  );

/** Everything has an end: runs, units, the work of run policies, and the way of events to their receiver. */
const isAtRest = async (world: World, asked: readonly AskedRun[]): Promise<boolean> => {
  for (const { runId, error } of [...asked, ...(await retriesOf(world))]) {
    if (error !== undefined) continue;
    if (runId === undefined) return false;
    if ((await world.stores.runs.readHead(defaultTenant, runId))?.finishedAt === undefined) return false;
  }
  const ends = await endsOf(world);
  if (ends.some(({ record }) => record.policyPending === true)) return false;
  if (ends.some(({ units }) => units.some(({ state }) => state === 'open'))) return false;
  const { events } = await world.stores.rollouts.readEvents(defaultTenant, 0, 100_000);
  return (world.received.at(-1)?.seq ?? 0) >= (events.at(-1)?.seq ?? 0);
};

const outcomesOf = (world: World, counts: ReadonlyMap<string, number>): { readonly [outcome: string]: number } => {
  const all = new Map(counts);
  for (const commit of world.commits.commits) {
    if (commit.kind !== 'written') continue;
    const who = commit.event.by.actor === 'evaluator' ? 'evaluator' : 'person';
    const name = `${who}: ${commit.event.type}`;
    all.set(name, (all.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

/**
 * Plays one seed of rollouts: agents with versions of which one is worse, clients with routing keys, people who start, change and end rollouts, the
 * evaluators of two coordinators, and faults of everything; then calm until all is over, then both oracles.
 */
export const simulateRollouts = async (options: RolloutSimulationOptions): Promise<RolloutSimulationReport> => {
  const random = createSeededRandom(`rollouts ${options.seed}`);
  const played: PlayedStep[] = [];
  // In every other world people let rollouts take their course, so that evaluators have something to do.
  const isPatient = random.next() < 0.5;
  const temper: Temper = { isPatient, maxPauseMs: isPatient ? 6_000 : 2_400 };
  const chaosMs = options.chaosMs ?? (isPatient ? 40_000 : 25_000);
  const isCalm = options.calm === true;
  const dags = rolloutProject(random.fork('project'), agents);
  const world: World = createWorld({
    seed: options.seed,
    dags,
    agents,
    versions: qualities.length,
    behaviour: createBehaviour(
      (agentId: string, versionId: VersionId) =>
        qualities[world.versions[agentId]?.indexOf(versionId) ?? 0] ?? { failure: 0 },
      played,
    ),
    watchesRollouts: true,
    coordinators: 2,
    shardLeaseMs: 3_000 + random.integer(4_000),
    workers: 2,
    slots: 3,
    maxStepMs: 700,
    stepFailure: 0.05,
    minWindow: 3 + random.integer(12),
    checkpointFacts: 8 + random.integer(30),
    config: {
      memory: { foldIntervalMs: 500, foldAfter: 3, policies: { global: 'review', dag: 'review', agent: 'auto' } },
    },
    ...(options.ground === undefined ? {} : { ground: options.ground }),
    ...(options.mutant === undefined ? {} : { rolloutMutant: options.mutant }),
  });
  await world.start();
  if (!isCalm) startFaults(world, random.fork('faults'), isPatient ? 0.2 : 0.6);
  const endOfChaos = world.clock.monotonicMs() + chaosMs;
  const chaos = (): boolean => world.clock.monotonicMs() < endOfChaos;
  for (const place of [0, 1]) void keepCoordinator(world, place, random.fork(`restarts ${place}`), chaos);

  const asked: AskedRun[] = [];
  const names = dags.map(({ name }) => name);
  const clients = random.fork('clients');
  const count = (isPatient ? 110 : 40) + clients.integer(30);
  for (let index = 0; index < count; index += 1) {
    const client: RoutedClient = routedClient(clients, index, names, {
      units: isPatient ? 300 : 40,
      nominalAt: Date.UTC(2026, 0, 1),
    });
    asked.push(client);
    world.clock.after(clients.integer(chaosMs), () => void submitRouted(world, client));
    if (clients.next() >= 0.15) continue;
    void retryEnded(world, clients.fork(`retry ${index}`), client, () => !chaos());
  }
  const outcomes = new Map<string, number>();
  for (const person of [1, 2])
    void playPerson(
      world,
      random.fork(`person ${person}`),
      isPatient ? agents.slice(0, 1) : agents,
      temper,
      chaos,
      outcomes,
    );
  if (!isCalm) {
    const disturbances = random.fork('disturbances');
    for (let left = 2 + disturbances.integer(8); left > 0; left -= 1)
      world.clock.after(disturbances.integer(chaosMs), () => disturb(world, disturbances));
  }
  await world.clock.advance(chaosMs);
  stopFaults(world);
  const limit = world.clock.monotonicMs() + calmLimitMs;
  let isSetRight = false;
  while (!(await isAtRest(world, asked)) && world.clock.monotonicMs() < limit) {
    for (let place = 0; place < (world.options.workers ?? 2); place += 1) {
      const alive = world.workers.find((worker) => worker.place === place && worker.process.alive);
      if (alive === undefined || alive.endpoint.state().draining) {
        if (alive?.endpoint.state().running === 0 && alive.endpoint.state().unacknowledged === 0) alive.process.kill();
        world.startWorker(place);
      }
    }
    await world.clock.advance(500);
    // What was to begin by a clock that was wrong begins when the clock says so: the clock is set to after that.
    if (world.clocksJumped && !isSetRight && world.clock.monotonicMs() > limit - (calmLimitMs * 4) / 5) {
      isSetRight = true;
      world.clock.jumpWall(2 * maxJumpMs);
    }
  }
  await world.clock.advance(8_000);
  world.storeFaults.maxDelayMs = 0;
  await world.startCoordinator();
  const history = await historyOf(world, played);
  const problems: string[] = [...(await checkWorld(world, [...asked, ...(await retriesOf(world))]))];
  assertRollouts(history, (problem) => problems.push(problem));
  const report: RolloutSimulationReport = {
    seed: options.seed,
    problems,
    lastEvents: problems.length === 0 ? [] : linesOf(world),
    runs: history.runs.length,
    rollouts: history.rollouts.length,
    units: history.rollouts.reduce((sum, { units }) => sum + units.length, 0),
    writes: history.events.length,
    actions: history.events.filter(({ by }) => by.actor === 'evaluator').length,
    coordinatorCrashes: world.coordinators.crashes,
    workerCrashes: world.workerCrashes,
    outcomes: outcomesOf(world, outcomes),
  };
  for (const { process } of world.coordinators.alive) process.kill();
  for (const { process } of world.workers) process.kill();
  return report;
};
