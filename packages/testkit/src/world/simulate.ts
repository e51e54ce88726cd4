import { defaultTenant } from '@skein/domain';
import type { Random } from '@skein/ports';
import { createSeededRandom } from '../seeded-random.ts';
import { allRuns, checkWorld } from './check-world.ts';
import type { World, WorldOptions } from './create-world.ts';
import { createWorld } from './create-world.ts';
import { disturb, disturbFleet, keepCoordinator, maxJumpMs, startFaults, stopFaults } from './disturbances.ts';
import { randomProject } from './random-project.ts';
import type { Client, SentMessage } from './sim-clients.ts';
import { answerApprovals, cancelSome, pick, sendMessages, submit } from './sim-clients.ts';
import type { WorldGround } from './world-stores.ts';

/** Settings of one simulation. */
export interface SimulationOptions {
  readonly seed: number;
  /** Real stores and their clock; memory when not given. */
  readonly ground?: WorldGround;
  readonly mutant?: WorldOptions['mutant'];
  /** See `WorldOptions.createAgentExecutor`. */
  readonly createAgentExecutor?: WorldOptions['createAgentExecutor'];
  /** Three coordinators that share the runs, instead of one that is home to all and one that waits. */
  readonly fleet?: true;
  /** How long faults go on, in ms of simulated time. */
  readonly chaosMs?: number;
  /** Sees the world before the oracle judges it. */
  readonly inspect?: (world: World) => Promise<void>;
}

/** What one simulation found. */
export interface SimulationReport {
  readonly seed: number;
  /** Broken invariants; none in a sound world. */
  readonly problems: readonly string[];
  /** The last lines that any process logged, for a seed that failed. */
  readonly lastEvents: readonly string[];
  readonly runs: number;
  /** Of these, runs that a step of another one called. */
  readonly calledRuns: number;
  readonly facts: number;
  readonly executions: number;
  readonly coordinatorCrashes: number;
  readonly workerCrashes: number;
  readonly workerPauses: number;
  readonly staleResults: number;
  readonly coordinatorPauses: number;
  /** Turns that agents made, and tool calls that they carried out. */
  readonly modelCalls: number;
  readonly toolCalls: number;
  /** Messages that were taken, read and answered. */
  readonly messages: number;
  readonly consumed: number;
  readonly deliveryEvents: number;
}

/** Lines that a failed seed shows. */
const lastLines = 20;

/** Simulated time after the faults within which every run must have ended. */
const calmLimitMs = 600_000;

const allOver = async (world: World, clients: readonly Client[]): Promise<boolean> => {
  for (const { runId, error } of clients) {
    if (error !== undefined) continue;
    if (runId === undefined) return false;
    const head = await world.stores.runs.readHead(defaultTenant, runId);
    if (head?.finishedAt === undefined) return false;
  }
  return world.workers.every(
    ({ process, endpoint }) =>
      !process.alive || (endpoint.state().running === 0 && endpoint.state().unacknowledged === 0),
  );
};

/** What agents declare of `bash`: nothing, that the model is told of an unknown outcome, or how to find out. */
const declared = (random: Random): Pick<WorldOptions, 'toolEffects'> =>
  pick<Pick<WorldOptions, 'toolEffects'>>(random, [
    {},
    { toolEffects: { bash: { unknown: 'tell' } } },
    { toolEffects: { bash: { unknown: 'tell', reconcile: { command: 'check' } } } },
  ]) ?? {};

const textOf = ({ level, message, fields }: World['lines'][number]): string => {
  const told = Object.entries(fields).map(([name, value]) => {
    const { code } = (value ?? {}) as { readonly code?: string };
    return `${name}=${code ?? String(value)}`;
  });
  return `${level} ${message} ${told.join(' ')}`;
};

/** The last lines that any process of a world logged. */
export const linesOf = (world: World): readonly string[] => world.lines.slice(-lastLines).map(textOf);

/** Plays one seed: random DAGs, random faults for a while, then calm until all is over, then the oracle. */
export const simulate = async (options: SimulationOptions): Promise<SimulationReport> => {
  const isFleet = options.fleet === true;
  const random = createSeededRandom(`${isFleet ? 'fleet' : 'simulation'} ${options.seed}`);
  const dags = randomProject(random, 1 + random.integer(3));
  const world = createWorld({
    seed: options.seed,
    dags,
    coordinators: isFleet ? 3 : 2,
    ...(isFleet ? { fleet: true } : {}),
    shardLeaseMs: 3_000 + random.integer(4_000),
    workers: 1 + random.integer(3),
    slots: 1 + random.integer(3),
    minWindow: 2 + random.integer(6),
    checkpointFacts: 8 + random.integer(30),
    ...(options.ground === undefined ? {} : { ground: options.ground }),
    ...(options.mutant === undefined ? {} : { mutant: options.mutant }),
    ...(options.createAgentExecutor === undefined ? {} : { createAgentExecutor: options.createAgentExecutor }),
    ...declared(random),
  });
  await world.start();
  startFaults(world, random.fork('faults'));
  const chaosMs = options.chaosMs ?? 15_000;
  const endOfChaos = world.clock.monotonicMs() + chaosMs;
  const chaos = (): boolean => world.clock.monotonicMs() < endOfChaos;
  for (const place of isFleet ? [0, 1, 2] : [0, 1])
    void keepCoordinator(world, place, random.fork(`restarts ${place}`), chaos);

  const clients: Client[] = [];
  const sent: SentMessage[] = [];
  let isOver = false;
  void answerApprovals(world, random.fork('approvals'), () => isOver);
  const count = 2 + random.integer(5);
  for (let index = 0; index < count; index += 1) {
    const client: Client = { key: `key-${index}`, dag: pick(random, dags)?.name ?? 'dag-0' };
    clients.push(client);
    world.clock.after(random.integer(chaosMs / 2), () => void submit(world, client));
    if (random.next() < 0.5) void sendMessages(world, random.fork(`messages ${index}`), client, chaos, sent);
    if (random.next() < 0.15) world.clock.after(random.integer(chaosMs), () => void cancelSome(world, client));
  }
  const disturbances = random.fork('disturbances');
  const count2 = 2 + disturbances.integer(8);
  for (let index = 0; index < count2; index += 1) {
    world.clock.after(disturbances.integer(chaosMs), () => disturb(world, disturbances));
  }
  if (isFleet) {
    const ofPeers = random.fork('peers');
    world.peerDelayMs = 1 + ofPeers.integer(100);
    for (let count = 2 + ofPeers.integer(8); count > 0; count -= 1)
      world.clock.after(ofPeers.integer(chaosMs), () => disturbFleet(world, ofPeers));
  }
  await world.clock.advance(chaosMs);
  stopFaults(world);
  const limit = world.clock.monotonicMs() + calmLimitMs;
  let isSetRight = false;
  while (!(await allOver(world, clients)) && world.clock.monotonicMs() < limit) {
    for (let place = 0; place < (world.options.workers ?? 2); place += 1) {
      const alive = world.workers.find((worker) => worker.place === place && worker.process.alive);
      if (alive === undefined || alive.endpoint.state().draining) {
        if (alive?.endpoint.state().running === 0 && alive.endpoint.state().unacknowledged === 0) alive.process.kill();
        world.startWorker(place);
      }
    }
    await world.clock.advance(250);
    // What was to begin by a clock that was wrong begins when the clock says so: the clock is set to after that.
    if (world.clocksJumped && !isSetRight && world.clock.monotonicMs() > limit - (calmLimitMs * 4) / 5) {
      isSetRight = true;
      world.clock.jumpWall(2 * maxJumpMs);
    }
  }
  isOver = true;
  await world.clock.advance(8_000);
  // Nobody moves the clock while the oracle asks.
  world.storeFaults.maxDelayMs = 0;
  await world.startCoordinator();
  await options.inspect?.(world);
  const problems = await checkWorld(world, clients, sent);
  const counts = world.meter.counts;
  const heads = await allRuns(world);
  let consumed = 0;
  for (const { tenant, runId } of heads)
    for (const fact of await world.stores.runs.readFacts(tenant, runId, 0))
      if (fact.type === 'turn_planned') consumed += fact.entry.consumed?.length ?? 0;
  return {
    seed: options.seed,
    problems,
    lastEvents: problems.length === 0 ? [] : linesOf(world),
    runs: heads.length,
    calledRuns: heads.filter(({ parentRunId }) => parentRunId !== undefined).length,
    facts: heads.reduce((sum, { seq }) => sum + seq, 0),
    executions: world.ledger.filter(({ started }) => started).length,
    coordinatorCrashes: world.coordinators.crashes,
    workerCrashes: world.workerCrashes,
    workerPauses: world.workerPauses,
    staleResults: counts.get('skein_results_total stale') ?? 0,
    coordinatorPauses: world.coordinators.pauses,
    modelCalls: world.effects.filter(({ kind }) => kind === 'model').length,
    toolCalls: world.effects.filter(({ kind }) => kind === 'tool').length,
    messages: sent.length,
    consumed,
    deliveryEvents: (await world.stores.delivery.readEvents(defaultTenant, 0, 100_000)).items.length,
  };
};
