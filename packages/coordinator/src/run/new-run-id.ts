import type { RunId } from '@skein/domain';
import { shardCount, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** An id whose shard is at home here, so that no other coordinator has to drive the run. */
export const newRunId = (engine: Engine): RunId => {
  const { shards } = engine.runs;
  // Nobody is at home here: whoever asked is told so.
  if (shards.size === 0) return engine.deps.ids.next('run');
  for (let tries = 0; ; tries += 1) {
    const runId = engine.deps.ids.next('run');
    if (shards.size === shardCount || shards.has(shardOf(runId)) || tries > 64 * shardCount) return runId;
  }
};
