import type { TaskRef } from '@skein/domain';

/** 0 to 1, spread evenly over tasks and the same for one task whenever it is asked: enough to keep those that were lost together apart. */
export const jitterOf = ({ runId, step, token }: TaskRef): number => {
  // FNV-1a, then mixed so that the last characters count too.
  let hash = 0x811c9dc5;
  for (const character of `${runId} ${step} ${token}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
};
