import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';

/** Snapshots that one call of the store removes, and calls of one sweep: what is left waits for the next. */
const batchSize = 100;
const maxBatches = 10;

/** Removes snapshots that no open run refers to and that were not used within the retention time. Bounded. Throws `unavailable`. */
export const collectSnapshots = async (engine: Engine): Promise<void> => {
  const { clock, log, meter, snapshots } = engine.deps;
  const unusedSince = clock.now() - engine.config.snapshotRetentionMs;
  let removed = 0;
  let parts = 0;
  let bytes = 0;
  for (let batch = 0; batch < maxBatches && engine.phase === 'running'; batch += 1) {
    const collected = await snapshots.collect(unusedSince, batchSize);
    for (const { digest } of collected.snapshots) engine.sealed.drop(digest);
    removed += collected.snapshots.length;
    parts += collected.parts;
    bytes += collected.bytes;
    if (collected.snapshots.length < batchSize) break;
  }
  if (removed === 0 && parts === 0) return;
  meter.count(metric.snapshotsCollected, removed);
  meter.count(metric.snapshotPartsCollected, parts);
  meter.count(metric.snapshotBytesCollected, bytes);
  log.info('unused snapshots were removed', { snapshots: removed, parts, bytes });
};

/** Collects once per `snapshotSweepMs`. The returned function stops it. */
export const startCollecting = (engine: Engine): (() => void) => {
  const { clock, log } = engine.deps;
  let cancel: () => void = () => {};
  let stopped = false;
  const plan = (): void => {
    if (stopped) return;
    cancel = clock.after(engine.config.snapshotSweepMs, () => {
      const collected = engine.members.hasDuty('snapshots') ? collectSnapshots(engine) : Promise.resolve();
      collected
        .catch((thrown: unknown) => log.warn('unused snapshots cannot be removed now', { error: thrown }))
        .then(plan, plan);
    });
  };
  plan();
  return () => {
    stopped = true;
    cancel();
  };
};
