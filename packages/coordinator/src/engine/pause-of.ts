import type { Clock } from '@skein/ports';
import type { Pause } from '@skein/snapshot';

/** A pause until everything else that is due had its turn. */
export const pauseOf =
  (clock: Clock): Pause =>
  () =>
    new Promise((resolve) => {
      clock.endOfTurn(resolve);
    });
