import { shardCount } from '@skein/domain';

/** 32-bit FNV-1a with the finisher of MurmurHash3, as for the homes of shards. */
const weightOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

/** Of these names the one with the highest weight for the key: who comes or goes moves only what it gets or had. */
export const heaviest = (key: string, names: readonly string[]): number => {
  let best = -1;
  let most = -1;
  for (const [at, name] of names.entries()) {
    const weight = weightOf(`${name} ${key}`);
    if (weight <= most) continue;
    most = weight;
    best = at;
  }
  return best;
};

/** The home of each shard of a cell, by rendezvous over its coordinators. */
export const homesOf = (cell: string, coordinators: number): readonly number[] => {
  const names = Array.from({ length: coordinators }, (_, at) => `${cell}-${at}`);
  return Array.from({ length: shardCount }, (_, shard) => heaviest(String(shard), names));
};
