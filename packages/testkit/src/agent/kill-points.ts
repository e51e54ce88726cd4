/**
 * The awaits of an attempt, counted, and the one at which it dies: what is awaited there never resolves, so that nothing of the attempt
 * happens after it, as when its process is killed.
 */
export interface KillPoints {
  /** How many there were until now. */
  readonly passed: () => number;
  /** Their names, in order. */
  readonly trace: () => readonly string[];
  /** Where it died: the name and whether the work was done. Undefined while it lives. */
  readonly diedAt: () => string | undefined;
  /** Resolves when it dies. */
  readonly death: Promise<void>;
  /** Two points, before and after some work. */
  around<T>(name: string, work: () => Promise<T> | T): Promise<T>;
  /** Dies here, whatever the count says. */
  die(name: string): Promise<never>;
}

/** `at` counts from 1, or is the name of the first point to die at (`after record`); without it the attempt lives. */
export const createKillPoints = (at: number | string = Number.POSITIVE_INFINITY): KillPoints => {
  let count = 0;
  const trace: string[] = [];
  let place: string | undefined;
  let tellDeath = () => {};
  const death = new Promise<void>((resolve) => {
    tellDeath = resolve;
  });
  const die = (name: string): Promise<never> => {
    place ??= name;
    tellDeath();
    return new Promise<never>(() => {});
  };
  const point = (name: string): Promise<never> | undefined => {
    if (place !== undefined) return die(name);
    count += 1;
    trace.push(name);
    return (typeof at === 'string' ? name === at : count >= at) ? die(name) : undefined;
  };
  return {
    passed: () => count,
    trace: () => trace,
    diedAt: () => place,
    death,
    around: async (name, work) => {
      const before = point(`before ${name}`);
      if (before !== undefined) return await before;
      const result = await work();
      const after = point(`after ${name}`);
      return after === undefined ? result : await after;
    },
    die,
  };
};
