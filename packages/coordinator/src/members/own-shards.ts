import { shardOf } from '@skein/domain';
import type { ShardHome } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** Longest wait for the appends of shards that are given away (ms): whoever takes them finds in the log what came later. */
const maxFlightMs = 1_000;

/** Shards are at home here from now on; their runs are still to be read. */
export const gainShards = ({ runs }: Engine, homes: readonly ShardHome[]): void => {
  const shards = new Set(runs.shards);
  const epochs = new Map(runs.epochs);
  for (const { shard, epoch } of homes) {
    shards.add(shard);
    epochs.set(shard, epoch);
    runs.unread.add(shard);
  }
  runs.shards = shards;
  runs.epochs = epochs;
};

/** Shards are no longer at home here: their runs have no turns any more, and no new ones come. */
export const withdrawShards = ({ runs }: Engine, gone: ReadonlySet<number>): void => {
  runs.shards = new Set([...runs.shards].filter((shard) => !gone.has(shard)));
  runs.epochs = new Map([...runs.epochs].filter(([shard]) => !gone.has(shard)));
  for (const shard of gone) runs.unread.delete(shard);
};

/** Waits, bounded, until no append of a run of these shards is in flight. */
export const awaitFlights = async (engine: Engine, gone: ReadonlySet<number>): Promise<void> => {
  let isOver = false;
  const flights = engine.runs.actors
    .filter(({ shard }) => gone.has(shard))
    .map(async (actor) => {
      while (actor.inFlight !== undefined && !isOver) await actor.inFlight;
    });
  if (flights.length === 0) return;
  let cancel: () => void = () => undefined;
  const timeout = new Promise<void>((resolve) => {
    cancel = engine.deps.clock.after(maxFlightMs, resolve);
  });
  await Promise.race([Promise.all(flights), timeout]);
  isOver = true;
  cancel();
};

/**
 * Forgets the runs of shards that were withdrawn, and what absent workers and those of others hold of them. What a worker holds whose stream
 * ends here is still known, for whoever is home to it now.
 */
export const forgetShards = (engine: Engine, gone: ReadonlySet<number>): void => {
  for (const actor of engine.runs.actors) if (gone.has(actor.shard)) engine.runs.drop(engine, actor, 'moved');
  engine.runs.forgetUndrivable(gone);
  for (const session of engine.fleet.sessions) {
    if (session.link !== undefined && session.via === undefined) continue;
    for (const [key, { ref }] of session.tasks) if (gone.has(shardOf(ref.runId))) session.tasks.delete(key);
    if (session.link === undefined && session.tasks.size === 0) engine.fleet.forget(session);
  }
};
