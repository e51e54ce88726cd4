import { DomainError, type WorkerId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { endSession } from './end-session.ts';
import type { WorkerSession } from './worker-session.ts';

/** How often a coordinator looks at its share of the workers, in ms. */
const lookMs = 500;

/** Of its workers, the most that one look sends away. */
const mostAtOnce = 0.2;

/** For so long idle workers are waited for, in ms. */
const busyAfterMs = 2_000;

/** For so long no busy worker is sent to a coordinator that one sent there did not reach, in ms. */
const avoidMs = 300_000;

/** Coordinators that can take workers, with how many each has. */
interface Place {
  readonly coordinatorId: string;
  readonly address: string;
  workers: number;
}

const placesOf = ({ members, peers, fleet }: Engine): readonly Place[] => {
  const counts = new Map<string, number>();
  for (const { via, link } of fleet.sessions)
    if (via !== undefined && link !== undefined) counts.set(via, (counts.get(via) ?? 0) + 1);
  return members.live.flatMap(({ coordinatorId, workerAddress, leaving }) =>
    leaving || workerAddress === '' || !peers.connected.includes(coordinatorId)
      ? []
      : [{ coordinatorId, address: workerAddress, workers: counts.get(coordinatorId) ?? 0 }],
  );
};

/** What it is doing, by the number of tasks: a worker with none, or with few, moves first. */
const loadOf = ({ tasks, suspected, foreign }: WorkerSession): number => tasks.size + suspected.size + foreign.size;

const leastOf = (places: readonly Place[]): Place | undefined =>
  places.reduce<Place | undefined>((a, b) => (a === undefined || b.workers < a.workers ? b : a), undefined);

/** Ends the stream with `unavailable` and `details.moveTo`; a worker that does not know the detail goes to any other coordinator. */
const sendTo = (engine: Engine, session: WorkerSession, { address: moveTo }: Place): void => {
  const details = { reason: 'rebalance', moveTo };
  const error = new DomainError('unavailable', 'another coordinator has fewer workers', details);
  endSession(engine, session, error, 'moved', true);
};

/**
 * Asks workers to move to coordinators that clearly have fewer: two less or more. At first only idle ones, whom nobody misses meanwhile;
 * where all of them are always at work, one after `busyAfterMs` that is not, the one with the fewest tasks: it keeps them, as it does when
 * its coordinator is restarted. The next busy one waits until that one has arrived; where it did not, peers get through and workers do not.
 */
export class WorkerRebalance {
  readonly #engine: Engine;
  /** Monotonic ms since when there was somebody to move and nobody idle. */
  #waitsSince: number | undefined;
  /** The busy worker that is on its way. */
  #sent: { readonly workerId: WorkerId; readonly coordinatorId: string; readonly at: number } | undefined;
  /** Coordinators that busy workers do not reach, and until when that is believed. */
  readonly #avoided = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Gives how many were asked. */
  look(): number {
    const engine = this.#engine;
    const now = engine.deps.clock.monotonicMs();
    this.#followSent(now);
    const own = engine.fleet.sessions.filter(
      ({ via, link, draining, silent }) => via === undefined && link !== undefined && !draining && !silent,
    );
    const places = placesOf(engine);
    const idle = own.filter((session) => loadOf(session) === 0);
    const moved = this.#moveIdle(own.length, idle, places);
    const isUneven = (place: Place | undefined): place is Place =>
      place !== undefined && own.length - moved - place.workers >= 2;
    const target = leastOf(places.filter(({ coordinatorId }) => (this.#avoided.get(coordinatorId) ?? 0) <= now));
    const mustWait = idle.length === 0 && this.#sent === undefined && isUneven(target);
    this.#waitsSince = mustWait ? (this.#waitsSince ?? now) : undefined;
    const [busy] = own.toSorted((a, b) => loadOf(a) - loadOf(b));
    const isDue = this.#waitsSince !== undefined && now - this.#waitsSince >= busyAfterMs;
    if (isDue && busy !== undefined && target !== undefined) {
      this.#sent = { workerId: busy.workerId, coordinatorId: target.coordinatorId, at: now };
      sendTo(engine, busy, target);
    }
    const count = moved + Number(isDue);
    if (count > 0) engine.deps.meter.count(metric.workersMoved, count);
    return count;
  }

  #moveIdle(own: number, idle: readonly WorkerSession[], places: readonly Place[]): number {
    const most = Math.max(1, Math.floor(own * mostAtOnce));
    let moved = 0;
    for (const session of idle) {
      const place = leastOf(places);
      if (place === undefined || moved >= most || own - moved - place.workers < 2) break;
      sendTo(this.#engine, session, place);
      place.workers += 1;
      moved += 1;
    }
    return moved;
  }

  /** Whether the busy worker that was sent away has arrived, is still on its way, or went elsewhere. */
  #followSent(now: number): void {
    if (this.#sent === undefined) return;
    const { workerId, coordinatorId, at } = this.#sent;
    const session = this.#engine.fleet.ofWorker(workerId);
    const isConnected = session?.link !== undefined;
    if (!isConnected && now - at < this.#engine.config.leaseMs) return;
    this.#sent = undefined;
    if (!isConnected || session.via !== coordinatorId) this.#avoided.set(coordinatorId, now + avoidMs);
  }
}

/** Looks again and again while the coordinator runs; the returned function stops it. */
export const keepWorkersSpread = (engine: Engine): (() => void) => {
  const rebalance = new WorkerRebalance(engine);
  const look = (): void => {
    cancel = engine.deps.clock.after(lookMs, look);
    if (engine.phase === 'running' && !engine.members.isLeaving) rebalance.look();
  };
  let cancel = engine.deps.clock.after(lookMs, look);
  return () => cancel();
};
