import type { RunId } from '../identity/ids.ts';

/** Number of shards; fixed for ever, because a run's shard is stored with it. */
export const shardCount = 256;

/**
 * The shard of a run, 0 … 255: 32-bit FNV-1a over the id's UTF-16 units, folded to eight bits.
 * @source https://www.rfc-editor.org/rfc/rfc9923
 */
export const shardOf = (runId: RunId): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < runId.length; at++) hash = Math.imul(hash ^ runId.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 16;
  return (hash ^ (hash >>> 8)) & (shardCount - 1);
};
