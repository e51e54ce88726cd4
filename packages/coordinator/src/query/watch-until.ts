import type { RunId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Longest pause between two looks: another coordinator may write the run meanwhile. */
const pollMs = 1_000;

/** How long to look, in ms, and what ends it early. */
export interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What `read` gives as soon as it is done, or as it is after `waitMs`, when the signal aborts, or when the coordinator stops. Throws like `read`. */
export const watchUntil = async <T>(
  engine: Engine,
  runId: RunId,
  read: () => Promise<T>,
  isDone: (seen: T) => boolean,
  { waitMs, signal }: Patience,
): Promise<T> => {
  const { clock } = engine.deps;
  const deadline = clock.monotonicMs() + waitMs;
  let wake: () => void = () => undefined;
  let woken = false;
  const unwatch = engine.watchers.watch(runId, () => {
    woken = true;
    wake();
  });
  try {
    for (;;) {
      woken = false;
      const seen = await read();
      const leftMs = deadline - clock.monotonicMs();
      if (isDone(seen) || leftMs <= 0 || signal.aborted || engine.phase === 'stopped') return seen;
      if (woken) continue;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(leftMs, pollMs), () => wake());
        wake = () => {
          cancel();
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  } finally {
    unwatch();
  }
};
