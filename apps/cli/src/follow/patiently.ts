import { setTimeout as sleep } from 'node:timers/promises';
import { isDomainError } from '@skein/domain';

/** How long a coordinator may be away, for example to be started again, before waiting for it ends; ms. */
const patienceMs = 30_000;
const pauseMs = 500;

/** Asks again while the coordinator is away. Throws what the last try threw: `unavailable` after the patience, other errors at once. */
export const patiently = async <T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  { forMs = patienceMs, everyMs = pauseMs } = {},
): Promise<T> => {
  const begin = performance.now();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isAway = isDomainError(error) && (error.code === 'unavailable' || error.code === 'resource_exhausted');
      if (!isAway || signal.aborted || performance.now() - begin > forMs) throw error;
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
};
