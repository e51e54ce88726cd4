import type { Meter } from '@skein/ports';

const openStreams = new WeakMap<Meter, number>();

/** Counts an open stream until the returned function is called. */
export const trackStream = (meter: Meter): (() => void) => {
  const add = (by: number) => {
    const count = (openStreams.get(meter) ?? 0) + by;
    openStreams.set(meter, count);
    meter.gauge('skein_http_event_streams', count);
  };
  add(1);
  return () => add(-1);
};
