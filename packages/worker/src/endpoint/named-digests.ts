import type { Digest } from '@skein/domain';

/** Most digests that one message names; a message has at most 1 MiB. */
export const maxNamed = 2_048;

/** Of digests that are held, oldest first: the latest, newest first. One that is left out costs a transfer, no more. */
export const latestDigests = (held: readonly Digest[]): readonly Digest[] => held.slice(-maxNamed).reverse();
