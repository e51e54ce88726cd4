import type { Clock } from '@skein/ports';

/** The longest delay that Node's timers keep; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's clock: `Date.now`, `performance.now` and Node's timers. */
export const createSystemClock = (): Clock => ({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = startTimer(ms, true, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
  after: (ms, run) => startTimer(ms, false, run),
  endOfTurn: (run) => {
    setImmediate(run);
  },
});

/** Runs `run` once after `ms` of any length; `keepsAlive` says whether the timer alone holds the process. */
const startTimer = (ms: number, keepsAlive: boolean, run: () => void): (() => void) => {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    timer = left > maxTimerMs ? setTimeout(() => arm(left - maxTimerMs), maxTimerMs) : setTimeout(run, left);
    if (!keepsAlive) timer.unref();
  };
  arm(Math.max(0, ms));
  return () => clearTimeout(timer);
};
