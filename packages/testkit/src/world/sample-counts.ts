import type { Meter } from '@skein/ports';

/** A meter whose counts a test can see, by name. */
export const sampleCounts = (): { readonly meter: Meter; readonly counts: () => Readonly<Record<string, number>> } => {
  const counts: Record<string, number> = {};
  const meter: Meter = {
    count: (name, by = 1) => {
      counts[name] = (counts[name] ?? 0) + by;
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
  return { meter, counts: () => counts };
};
