import type { Meter } from '@skein/ports';

/** Counts what the meter was told; names only. */
export interface CountingMeter extends Meter {
  readonly counts: Map<string, number>;
}

/** A meter that has counted nothing. */
export const createCountingMeter = (): CountingMeter => {
  const counts = new Map<string, number>();
  return {
    counts,
    count: (name, by = 1, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
};
