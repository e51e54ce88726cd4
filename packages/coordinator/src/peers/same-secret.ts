import type { Hasher } from '@skein/ports';

/** Compares what a peer shows with the secret of the fleet, in a time that says nothing of where they differ. An absent secret lets nobody in. */
export const isSameSecret = (hasher: Hasher, secret: string | undefined, shown: string): boolean => {
  if (secret === undefined || secret === '') return false;
  const expected = hasher.digest(secret);
  const actual = hasher.digest(shown);
  let difference = expected.length ^ actual.length;
  for (let at = 0; at < expected.length; at += 1) difference |= expected.charCodeAt(at) ^ actual.charCodeAt(at);
  return difference === 0;
};
