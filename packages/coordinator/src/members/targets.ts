import { shardCount } from '@skein/domain';
import { LRUCache } from 'lru-cache';

/**
 * 32-bit FNV-1a with the finisher of MurmurHash3: neighbouring names give unlike numbers.
 * @source https://www.rfc-editor.org/rfc/rfc9923 and https://github.com/aappleby/smhasher (public domain)
 */
const weightOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

/** What was weighed lately: a pure function of the names. */
const known = new LRUCache<string, readonly (string | undefined)[]>({ max: 16 });

/**
 * Who should be home to each shard (0 … 255): of these coordinators the one with the highest weight for it. Whoever comes or goes moves
 * only the shards that it gets or had. Undefined when there is nobody.
 */
export const targetsOf = (coordinatorIds: readonly string[]): readonly (string | undefined)[] => {
  // By name, so that equal weights are decided alike everywhere.
  const ids = [...new Set(coordinatorIds)].sort();
  const key = JSON.stringify(ids);
  let targets = known.get(key);
  if (targets === undefined) {
    targets = weigh(ids);
    known.set(key, targets);
  }
  return targets;
};

const weigh = (ids: readonly string[]): readonly (string | undefined)[] =>
  Array.from({ length: shardCount }, (_, shard) => {
    let best: string | undefined;
    let most = -1;
    for (const id of ids) {
      const weight = weightOf(`${id} ${shard}`);
      if (weight <= most) continue;
      most = weight;
      best = id;
    }
    return best;
  });
