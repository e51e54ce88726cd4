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

/** Of the last group of an id, which is random (RFC 9562): hex digits that may be changed, and those after them. */
const changed = 4;
const kept = 6;

/**
 * The id of a run that another one calls: in a fleet of the same shard, so that whoever is home to the one is home to the other. It is a new id
 * with four of its random digits moved on until the shard is right.
 */
export const newChildId = (engine: Engine, shard: number): RunId => {
  if (!engine.members.isFleet) return newRunId(engine);
  const runId = engine.deps.ids.next('run');
  const head = runId.slice(0, -(changed + kept));
  const tail = runId.slice(-kept);
  const first = Number.parseInt(runId.slice(-(changed + kept), -kept), 16);
  for (let step = 0; step < 16 ** changed; step += 1) {
    const digits = ((first + step) % 16 ** changed).toString(16).padStart(changed, '0');
    const candidate = `${head}${digits}${tail}`;
    if (shardOf(candidate) === shard) return candidate;
  }
  return runId;
};
