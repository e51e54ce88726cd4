import type { RunHead } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { admitQueued, type QueuedRun } from './admit-queued.ts';
import { QueuedOrder } from './queued-order.ts';

/** How long a claimed hint stays away from others, in ms; a crash hands it out again. */
const visibilityMs = 10_000;

/** Hints that are claimed at once. */
const maxClaim = 64;

interface Filling {
  running: boolean;
  again: boolean;
  /** Hints are being published: the queue's wake-up tells nothing new, since a claim follows. */
  publishing: boolean;
  readonly order: QueuedOrder;
}

const fillings = new WeakMap<Engine, Filling>();

/**
 * What the queue gives, and undefined while it is away. A queue that lives with the store is never away alone: what it throws is thrown on.
 */
const ifUp = async <T>({ deps }: Engine, call: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await call();
  } catch (thrown) {
    if (deps.queue.status === undefined || !isPassing(thrown)) throw thrown;
    return undefined;
  }
};

/** False while the queue is away. */
const publish = async (engine: Engine, filling: Filling, heads: readonly RunHead[]): Promise<boolean> => {
  const { queue, clock } = engine.deps;
  if (heads.length === 0) return true;
  const hints = heads.map(({ tenant, runId, shard, priority, seq }) => ({ tenant, runId, shard, priority, seq }));
  filling.publishing = true;
  try {
    const isPublished = (await ifUp(engine, () => queue.publish(hints).then(() => true))) ?? false;
    if (isPublished) filling.order.published(heads, clock.monotonicMs());
    return isPublished;
  } finally {
    filling.publishing = false;
  }
};

/** False when a store did not answer. */
const admitAll = async (engine: Engine, { order }: Filling, queued: readonly QueuedRun[]): Promise<boolean> => {
  const outcomes = await Promise.all(
    queued.map(async (run) => {
      const outcome = await admitQueued(engine, run);
      if (outcome === 'settled') order.backoff.forget(run.runId);
      else order.backoff.failed(run.runId, engine.deps.clock.monotonicMs());
      return outcome;
    }),
  );
  return !outcomes.includes('later');
};

/**
 * The queue says who looks at a run when; that a run is looked at does not depend on it. Let in from the store are runs whose hints did not
 * come back within a sweep, all of them while the queue is away, and in a fleet, where anybody may claim the hints of a home, those that
 * others were quicker to claim. A hint of a run that was not let in is spent too: given back it would be claimed again at once. The store
 * still has the run.
 */
const fillOnce = async (engine: Engine, filling: Filling): Promise<void> => {
  const { queue } = engine.deps;
  while (engine.phase === 'running' && engine.window.room > 0) {
    const { hinted, direct } = await filling.order.next(engine, engine.window.room);
    const isUp = await publish(engine, filling, hinted);
    const limit = Math.min(maxClaim, Math.max(1, engine.window.room));
    const claimed = (isUp ? await ifUp(engine, () => queue.claim(limit, visibilityMs)) : undefined) ?? [];
    for (const { runId } of claimed) filling.order.arrived(runId);
    const names = new Set(claimed.map(({ runId }) => runId));
    const own = (isUp && !engine.members.isFleet ? direct : [...direct, ...hinted]).filter(
      ({ runId }) => !names.has(runId),
    );
    const queued: readonly QueuedRun[] = [
      ...claimed,
      ...own.slice(0, Math.max(0, engine.window.room - claimed.length)),
    ];
    if (queued.length === 0) return;
    const isAnswered = await admitAll(engine, filling, queued);
    if (claimed.length > 0) await ifUp(engine, () => queue.done(claimed.map(({ claim }) => claim)));
    if (!isAnswered) return;
  }
};

/** Lets queued runs in while the window has room, in the store's order. One filling at a time; never throws. */
export const fillWindow = (engine: Engine): void => {
  // It is called again when the store takes writes.
  if (engine.store.reason !== undefined) return;
  let filling = fillings.get(engine);
  if (filling === undefined) {
    filling = { running: false, again: false, publishing: false, order: new QueuedOrder() };
    fillings.set(engine, filling);
  }
  if (filling.running) {
    if (!filling.publishing) filling.again = true;
    return;
  }
  const own = filling;
  own.running = true;
  void (async () => {
    try {
      do {
        own.again = false;
        await fillOnce(engine, own);
      } while (own.again && engine.phase === 'running');
    } catch (thrown) {
      engine.deps.log.warn('queued runs could not be admitted now', { error: thrown });
    } finally {
      own.running = false;
    }
  })();
};
