import type { RunId } from '@skein/domain';
import { encodeRunState } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import { loadRun } from '../run/load-run.ts';
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

/** Runs that could not be folded and are passed over until the next start; more would be read again each time. */
const maxLeft = 10_000;

/**
 * One sweep of retention: finished runs that are old enough, then old delivery events. `left` are those that cannot be folded: however many
 * they are, they keep no other run from its turn.
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
    if (busy || engine.store.reason !== undefined) return;
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
