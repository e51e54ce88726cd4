import { DomainError } from '@skein/domain';
import { endSession } from '../fleet/end-session.ts';
import { startFolds } from '../memory/fold-loop.ts';
import { startCollecting } from '../project/collect-snapshots.ts';
import { fillWindow } from '../submit/fill-window.ts';
import type { Engine } from './engine.ts';
import { isPassing } from './is-passing.ts';
import { startRetention } from './retention.ts';
import { claimShards, startSweeps } from './sweep.ts';

/** Tries of the first claim, and the wait between them in ms. */
const claimTries = 20;
const claimWaitMs = 250;

const stops = new WeakMap<Engine, () => void>();

/** Claims shards and reads the open runs; from then on workers are welcome. Throws `unavailable`, `illegal_transition` when called twice. */
export const startCoordinator = async (engine: Engine): Promise<void> => {
  if (engine.phase !== 'new') throw new DomainError('illegal_transition', 'a coordinator starts once');
  engine.phase = 'starting';
  engine.peers.start();
  for (let tries = 1; ; tries += 1) {
    try {
      if (engine.members.isFleet) await engine.members.start();
      else await claimShards(engine);
      break;
    } catch (thrown) {
      if (!isPassing(thrown) || tries >= claimTries) {
        engine.peers.stop();
        engine.phase = 'stopped';
        throw thrown;
      }
      await engine.deps.clock.sleep(claimWaitMs);
    }
  }
  engine.health.start();
  const stopSweeps = startSweeps(engine);
  const stopFolds = startFolds(engine);
  const stopCollecting = startCollecting(engine);
  const stopRetention = startRetention(engine);
  engine.evaluator.start();
  engine.webhooks.start();
  const unsubscribe = engine.deps.queue.onAvailable(() => {
    if (engine.window.room > 0) fillWindow(engine);
  });
  stops.set(engine, () => {
    stopSweeps();
    stopFolds();
    stopCollecting();
    stopRetention();
    engine.evaluator.stop();
    engine.webhooks.stop();
    engine.store.close();
    unsubscribe();
    engine.health.stop();
    engine.wheel.close();
    engine.calls.close();
  });
  engine.phase = 'running';
  for (const actor of engine.runs.actors) engine.wake(actor);
  fillWindow(engine);
};

/**
 * Stops taking work, waits for the appends in flight, closes the workers' streams and gives the shards back. Tasks go on at their
 * workers, which look for another coordinator. Idempotent.
 */
export const stopCoordinator = async (engine: Engine): Promise<void> => {
  if (engine.phase === 'stopped' || engine.phase === 'new') {
    engine.phase = 'stopped';
    return;
  }
  // First, while it still drives: the shards go to others in order.
  await engine.members.stop();
  // Before its workers are sent away: nobody takes them for lost.
  engine.peers.stop();
  stops.get(engine)?.();
  const flights = engine.runs.actors.map((actor) => actor.inFlight);
  for (const session of engine.fleet.sessions)
    endSession(engine, session, new DomainError('unavailable', 'the coordinator stops'));
  await Promise.all(flights.map((flight) => flight ?? Promise.resolve()));
  engine.phase = 'stopped';
  for (const actor of engine.runs.actors) {
    for (const { settle } of actor.mailbox.splice(0)) {
      settle?.({ status: 'failed', error: new DomainError('unavailable', 'the coordinator stopped') });
    }
  }
  engine.runs.clear();
  await engine.events.close();
  await engine.audit.close();
  await engine.deps.logs.flush();
  if (!engine.members.isFleet) await engine.deps.shards.release(engine.config.coordinatorId);
};
