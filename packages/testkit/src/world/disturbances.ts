import type { Random } from '@skein/ports';
import type { SimWorker, World } from './create-world.ts';
import { pick } from './sim-clients.ts';

/** Furthest that a clock is set (ms). */
export const maxJumpMs = 3_600_000;

/** The token is replaced; sooner or later each worker is started anew with the new one. */
const replaceToken = (world: World, random: Random): void => {
  void world.replaceToken();
  for (const worker of world.workers) {
    world.clock.after(random.integer(8_000), () => {
      world.crashWorker(worker, [5]);
      world.startWorker(worker.place);
    });
  }
};

/** One thing that goes wrong: a process dies or stops, the disk, the network or a clock fails. */
export const disturb = (world: World, random: Random): void => {
  const worker: SimWorker | undefined = pick(
    random,
    world.workers.filter(({ process }) => process.alive),
  );
  const coordinator = pick(random, world.coordinators.alive);
  const draw = random.next();
  if (draw < 0.2) {
    if (worker === undefined) return;
    const first = 5 + random.integer(500);
    const draws = random.next();
    world.crashWorker(worker, draws < 0.4 ? [] : draws < 0.8 ? [first] : [first, first + random.integer(6_000)]);
    world.clock.after(random.integer(4_000), () => world.startWorker(worker.place));
  } else if (draw < 0.33) {
    coordinator?.process.kill();
  } else if (draw < 0.4) {
    if (coordinator !== undefined) world.coordinators.pause(coordinator, 100 + random.integer(12_000));
  } else if (draw < 0.5) {
    if (worker !== undefined) world.pauseWorker(worker, 100 + random.integer(15_000));
  } else if (draw < 0.56) {
    world.storeFaults.refuses = pick(random, ['disk_full', 'io_error', 'unknown'] as const);
    world.clock.after(100 + random.integer(4_000), () => {
      world.storeFaults.refuses = undefined;
    });
  } else if (draw < 0.6) {
    replaceToken(world, random);
  } else if (draw < 0.66) {
    // One of the coordinators is out of everyone's reach.
    const cutOff = world.workers;
    for (const { network } of cutOff) network.partition(coordinator?.coordinatorId);
    world.clock.after(100 + random.integer(10_000), () => {
      for (const { network } of cutOff) network.heal();
    });
  } else if (draw < 0.76) {
    if (worker === undefined) return;
    worker.network.partition();
    world.clock.after(100 + random.integer(12_000), () => worker.network.heal());
  } else if (draw < 0.87) {
    worker?.network.cutAll();
  } else if (draw < 0.92 && worker !== undefined) {
    void worker.endpoint.drain('simulation').then(() => {
      worker.process.kill();
      world.clock.after(random.integer(2_000), () => world.startWorker(worker.place));
    });
  } else if (draw >= 0.92 && draw < 0.97) {
    // An operator sets a clock; no lease may notice.
    world.clocksJumped = true;
    const jumpMs = random.integer(2 * maxJumpMs) - maxJumpMs;
    if (random.next() < 0.5) world.clock.jumpWall(jumpMs);
    else coordinator?.process.jumpWall(jumpMs);
  }
};

/** One thing that goes wrong between coordinators: a stream breaks, nothing passes between two, or one leaves in order. */
export const disturbFleet = (world: World, random: Random): void => {
  const alive = world.coordinators.alive.map(({ coordinatorId }) => coordinatorId);
  const a = pick(random, alive);
  const b = pick(
    random,
    alive.filter((one) => one !== a),
  );
  if (a === undefined || b === undefined) return;
  const draw = random.next();
  if (draw < 0.35) {
    world.peers.break(a, b);
  } else if (draw < 0.7) {
    world.peers.partition(a, b, draw < 0.55);
    world.clock.after(100 + random.integer(9_000), () => world.peers.heal());
  } else {
    const leaving = pick(random, world.coordinators.alive);
    if (leaving !== undefined) void world.coordinators.stop(leaving, 2_000 + random.integer(8_000));
  }
};

/** Restarts the coordinator of a place when it is gone, after a while, as long as it is told to. */
export const keepCoordinator = async (
  world: World,
  place: number,
  random: Random,
  chaos: () => boolean,
): Promise<void> => {
  for (;;) {
    if (world.coordinators.empty.includes(place)) {
      if (chaos()) await world.clock.sleep(random.next() < 0.7 ? random.integer(1_500) : random.integer(9_000));
      await world.coordinators.start(place);
    }
    await world.clock.sleep(100);
  }
};

/** From now on messages and calls of the store go astray, as often as the seed says. `share`: of the faults of the store, 0 … 1. */
export const startFaults = (world: World, random: Random, share = 1): void => {
  const faulty = random.next();
  world.setNetworkFaults({
    cut: faulty * 0.01,
    duplicate: random.next() * 0.1,
    replayResult: random.next() * 0.5,
    maxDelayMs: random.integer(200),
    failCall: random.next() * 0.1,
    noticeMs: 200 + random.integer(1_000),
  });
  Object.assign(world.storeFaults, {
    fail: random.next() * 0.03 * share,
    loseAnswer: random.next() * 0.03 * share,
    crash: random.next() * 0.004 * share,
    maxDelayMs: random.integer(60),
  });
};

/** Nothing goes wrong any more; what was stopped goes on. */
export const stopFaults = (world: World): void => {
  world.setNetworkFaults({ cut: 0, duplicate: 0, replayResult: 0, maxDelayMs: 5, failCall: 0 });
  Object.assign(world.storeFaults, { fail: 0, loseAnswer: 0, crash: 0, maxDelayMs: 5, refuses: undefined });
  world.peers.heal();
  world.peerDelayMs = 0;
  for (const worker of world.workers) {
    worker.network.heal();
    worker.process.continue();
  }
  for (const { process } of world.coordinators.alive) process.continue();
};
