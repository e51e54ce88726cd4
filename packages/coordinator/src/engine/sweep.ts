import { DomainError, shardCount } from '@skein/domain';
import { PoolGauges } from '../dispatch/pool-tasks.ts';
import { checkLeases, endSession } from '../fleet/end-session.ts';
import { auditLeases } from '../run/adopt-leases.ts';
import { auditCalls } from '../run/tend-call.ts';
import { fillWindow } from '../submit/fill-window.ts';
import { recheckTokens } from '../token/manage-tokens.ts';
import type { Engine } from './engine.ts';
import { isPassing } from './is-passing.ts';
import { metric } from './metric-names.ts';
import { ShardWatch } from './shard-watch.ts';

/** Due runs that one sweep looks at. */
const maxDue = 1_000;

/** Sweeps between two looks at every open run of the store, for those that a failed read left behind. */
const openEvery = 30;

const allShards = Array.from({ length: shardCount }, (_, shard) => shard);

const watches = new WeakMap<Engine, ShardWatch>();

const watchOf = (engine: Engine): ShardWatch => {
  const watch = watches.get(engine) ?? new ShardWatch(engine.deps, engine.config);
  watches.set(engine, watch);
  return watch;
};

/** Another coordinator is home to every run now: the workers are sent to look for it. What they hold is for it to judge. */
const sendWorkersAway = (engine: Engine): void => {
  for (const session of engine.fleet.sessions) {
    session.tasks.clear();
    endSession(engine, session, new DomainError('unavailable', 'another coordinator is home to the runs'));
    engine.fleet.forget(session);
  }
};

/** Claims or renews shards, and forgets the runs of those that were lost. Throws `unavailable`. */
export const claimShards = async (engine: Engine): Promise<void> => {
  const { config, deps, runs } = engine;
  const askedAt = deps.clock.monotonicMs();
  const homes = await watchOf(engine).claim(allShards);
  const epochs = new Map(
    homes
      .filter(({ coordinatorId }) => coordinatorId === config.coordinatorId)
      .map(({ shard, epoch }) => [shard, epoch]),
  );
  const mine = new Set(epochs.keys());
  // A new epoch: somebody else was home meanwhile, and may have written.
  const kept = new Set([...mine].filter((shard) => runs.epochs.get(shard) === epochs.get(shard)));
  const lost = [...runs.shards].some((shard) => !kept.has(shard));
  for (const shard of mine) if (!kept.has(shard)) runs.unread.add(shard);
  for (const shard of runs.unread) if (!mine.has(shard)) runs.unread.delete(shard);
  const wasLate = askedAt >= runs.homeUntil;
  runs.shards = mine;
  runs.epochs = epochs;
  runs.homeUntil = askedAt + config.shardLeaseMs;
  if (lost) for (const actor of runs.actors) if (!kept.has(actor.shard)) runs.drop(engine, actor);
  if (lost && kept.size === 0) sendWorkersAway(engine);
  if (wasLate) for (const actor of runs.actors) engine.wake(actor);
  if (runs.unread.size === 0) return;
  // A shard counts as read only once its runs are here: otherwise their workers would be told that they hold nothing.
  const reading = [...runs.unread];
  await loadOpenRuns(engine, reading);
  for (const shard of reading) runs.unread.delete(shard);
};

/**
 * Reads runs that are not over into memory, a few at a time; one that cannot be read costs only itself.
 * Throws `unavailable` when some may be readable later.
 */
export const loadOpenRuns = async (engine: Engine, shards: readonly number[]): Promise<void> => {
  const heads = (await engine.deps.runs.listOpen(shards)).filter(
    ({ runId }) => engine.runs.find(runId) === undefined && !engine.runs.isUndrivable(runId),
  );
  let next = 0;
  let left = 0;
  const worker = async (): Promise<void> => {
    for (let head = heads[next++]; head !== undefined && engine.phase !== 'stopped'; head = heads[next++]) {
      if (!(await wakeFromStore(engine, head))) left += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  if (left > 0) throw new DomainError('unavailable', `${left} open runs could not be read now`);
};

/** False when the run may be readable later. */
const wakeFromStore = async (
  engine: Engine,
  run: { readonly tenant: string; readonly runId: string },
): Promise<boolean> => {
  if (engine.runs.isUndrivable(run.runId)) return true;
  try {
    engine.wake(await engine.runs.open(engine, run.tenant, run.runId));
    return true;
  } catch (thrown) {
    if (isPassing(thrown)) return false;
    engine.deps.log.error('open run cannot be read', { runId: run.runId, error: thrown });
    return true;
  }
};

const sweepStore = async (engine: Engine, count: number): Promise<void> => {
  const shards = [...engine.runs.shards];
  if (shards.length === 0) return;
  const due = await engine.deps.runs.listDue(shards, engine.deps.clock.now(), maxDue);
  for (const head of due) await wakeFromStore(engine, head);
  if (count % openEvery === openEvery - 1) {
    for (const actor of engine.runs.actors) {
      auditLeases(engine, actor);
      auditCalls(engine, actor);
    }
    await loadOpenRuns(engine, shards);
  }
  fillWindow(engine);
};

/**
 * Repairs what hints and timers forgot: renews shards, wakes what the store says is due, admits what is queued, and judges leases.
 * The returned function stops it. An unavailable store costs a sweep, nothing else.
 */
export const startSweeps = (engine: Engine): (() => void) => {
  const { clock, log, meter } = engine.deps;
  const renewEvery = Math.max(1, Math.floor(engine.config.shardLeaseMs / 3 / engine.config.sweepMs));
  const pools = new PoolGauges();
  let count = 0;
  let busy = false;
  let cancelSweep: () => void = () => {};
  let cancelCheck: () => void = () => {};
  const sweep = async (): Promise<void> => {
    const isLate = engine.runs.homeUntil - clock.monotonicMs() < (engine.config.shardLeaseMs * 2) / 3;
    try {
      const isClaiming = !engine.members.isFleet;
      if (isClaiming && (count % renewEvery === 0 || engine.runs.unread.size > 0 || isLate)) await claimShards(engine);
      await sweepStore(engine, count);
      if (count % 5 === 4) await recheckTokens(engine);
    } catch (thrown) {
      log.warn('sweep failed', { error: thrown });
    } finally {
      busy = false;
      count += 1;
    }
  };
  const onSweep = (): void => {
    cancelSweep = clock.after(engine.config.sweepMs, onSweep);
    engine.wheel.tick();
    meter.gauge(metric.openRuns, engine.window.open);
    pools.show(engine);
    if (busy) return;
    busy = true;
    void sweep();
  };
  const checkMs = Math.max(50, Math.floor(engine.config.heartbeatMs / 3));
  const onCheck = (): void => {
    cancelCheck = clock.after(checkMs, onCheck);
    try {
      checkLeases(engine);
    } catch (thrown) {
      log.error('leases could not be checked', { error: thrown });
    }
  };
  cancelSweep = clock.after(engine.config.sweepMs, onSweep);
  cancelCheck = clock.after(checkMs, onCheck);
  return () => {
    cancelSweep();
    cancelCheck();
  };
};
