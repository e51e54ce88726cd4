/** The time goes by in so many parts. */
const parts = 10;
/** A part that ends later than this, ms, says that the whole machine or process stood still, and counts as nothing … */
const stallMs = 250;
/** … but not more often than this: the time ends also where a thread hardly gets its turn. */
const maxStalls = 10;

/**
 * Calls `onOver` after `ms` in which this thread ran: who is given the time may have stood still with it. Where `isPatient` says no,
 * time is time. The answer cancels it.
 */
export const startPatientTimer = (ms: number, onOver: () => void, isPatient = (): boolean => true): (() => void) => {
  let left = ms;
  let stalls = 0;
  let timer: NodeJS.Timeout;
  const goOn = (): void => {
    const part = Math.min(left, ms / parts);
    const from = performance.now();
    timer = setTimeout(() => {
      const took = performance.now() - from;
      if (took - part > stallMs && stalls < maxStalls && isPatient()) stalls += 1;
      else left -= took;
      if (left > 0) goOn();
      else onOver();
    }, part);
  };
  goOn();
  return () => clearTimeout(timer);
};
