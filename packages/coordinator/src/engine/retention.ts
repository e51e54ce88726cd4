import type { RunId } from '@skein/domain';
import { encodeRunState } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import { loadRun } from '../run/load-run.ts';
import { defaultPlaceMs } from './coordinator-deps.ts';
import type { Engine } from './engine.ts';
import { isPassing } from './is-passing.ts';
import { metric } from './metric-names.ts';

/** Runs that one sweep folds. */
const perSweep = 100;

/** Folds one finished run: its last state stays, its facts and logs go. */
const foldRun = async (engine: Engine, { tenant, runId }: RunHead): Promise<void> => {
  const { runs, logs, meter } = engine.deps;
  const { state } = await loadRun(engine, tenant, runId);
  const slim = state.paramsRef === undefined ? state : { ...state, params: {} };
  const body = new TextEncoder().encode(encodeRunState(slim));
  // Dying between the two leaves a checkpoint that is true, and the facts for the next sweep.
  await runs.saveCheckpoint({ tenant, runId, seq: state.seq, body });
  if (!(await runs.pruneRun(tenant, runId))) return;
  meter.count(metric.runsPruned);
  await logs.remove(tenant, runId);
};

/** Of workers that did not come back, nobody needs to know any more who held their streams. */
const forgetPlaces = async ({ config, deps, members }: Engine, now: number): Promise<void> => {
  if (!members.isFleet || deps.places === undefined) return;
  const live = [config.coordinatorId, ...members.live.map(({ coordinatorId }) => coordinatorId)];
  const forgotten = await deps.places.prune(now - (config.retention.placeMs ?? defaultPlaceMs), live);
  if (forgotten > 0) deps.log.debug('places of workers that are gone were forgotten', { places: forgotten });
};

/** Runs that could not be folded and are passed over until the next start; more would be read again each time. */
const maxLeft = 10_000;

/**
 * One sweep of retention: finished runs that are old enough, then old audit entries, places of workers and delivery events. `left` are runs
 * that cannot be folded: however many they are, they keep no other run from its turn.
 */
export const applyRetention = async (engine: Engine, left: Set<RunId>): Promise<void> => {
  const { config, deps } = engine;
  const now = deps.clock.now();
  if (config.retention.runMs > 0) {
    for (const head of await deps.runs.listPrunable(now - config.retention.runMs, perSweep + left.size)) {
      if (left.has(head.runId)) continue;
      try {
        await foldRun(engine, head);
      } catch (thrown) {
        if (isPassing(thrown)) throw thrown;
        // A run that cannot be read keeps what it has.
        if (left.size < maxLeft) left.add(head.runId);
        deps.log.warn('a finished run cannot be folded', { runId: head.runId, error: thrown });
      }
    }
  }
  if (config.audit.retentionMs > 0) await deps.audit?.prune(now - config.audit.retentionMs);
  await forgetPlaces(engine, now);
  const { eventMs, maxEvents } = config.retention;
  const pruned = await deps.delivery.pruneEvents(eventMs > 0 ? now - eventMs : 0, maxEvents);
  if (pruned > 0) deps.meter.count(metric.deliveryEventsPruned, pruned);
};

/** Starts the sweeps; the returned function ends them. A store that is away costs a sweep, nothing else. */
export const startRetention = (engine: Engine): (() => void) => {
  const { clock, log } = engine.deps;
  let cancel: () => void = () => {};
  let busy = false;
  const left = new Set<RunId>();
  const onSweep = (): void => {
    cancel = clock.after(engine.config.retention.sweepMs, onSweep);
    if (busy || engine.store.reason !== undefined || !engine.members.hasDuty('retention')) return;
    busy = true;
    void applyRetention(engine, left)
      .catch((thrown: unknown) => log.warn('retention could not be applied', { error: thrown }))
      .finally(() => {
        busy = false;
      });
  };
  cancel = clock.after(engine.config.retention.sweepMs, onSweep);
  return () => cancel();
};
