import type { Clock, Meter } from '@skein/ports';
import { createMemoryLog, createSequenceIds } from '@skein/testkit';
import type { BullmqQueueOptions } from '../src/index.ts';

/** The machine's time. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  endOfTurn: (run) => void setImmediate(run),
};

/** A meter that keeps what it was told: gauges as they are now, counters summed over their labels. */
export const createMemoryMeter = (): Meter & { readonly values: Map<string, number> } => {
  const values = new Map<string, number>();
  return {
    values,
    count: (name, by = 1) => void values.set(name, (values.get(name) ?? 0) + by),
    gauge: (name, value) => void values.set(name, value),
    observe: () => undefined,
  };
};

let space = 0;

/** What a queue works with, on the machine's clock and with short times, and what it told. */
export const queueDeps = (
  clock: Clock = realClock,
): Omit<BullmqQueueOptions, 'url'> & {
  readonly log: ReturnType<typeof createMemoryLog>;
  readonly meter: ReturnType<typeof createMemoryMeter>;
} => {
  space += 1;
  return { clock, log: createMemoryLog(), meter: createMemoryMeter(), ids: createSequenceIds(space) };
};

/** Asks again until the condition holds. Throws what the last look threw, or after `limitMs`. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> => {
  const end = performance.now() + limitMs;
  for (;;) {
    if (await holds()) return;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
