import type { Engine } from '../engine/engine.ts';

const readingOf = new WeakMap<Engine, Map<string, Promise<unknown>>>();

/**
 * One read for all that ask for the same while it is under way: when a worker comes back, hundreds of results of one run may be told again
 * in one frame. Nothing is kept once it has ended.
 */
export const sharedRead = <T>(engine: Engine, key: string, read: () => Promise<T>): Promise<T> => {
  const reading = readingOf.get(engine) ?? new Map<string, Promise<unknown>>();
  readingOf.set(engine, reading);
  const known = reading.get(key) as Promise<T> | undefined;
  if (known !== undefined) return known;
  const forget = (): void => {
    reading.delete(key);
  };
  const begun = read();
  reading.set(key, begun);
  begun.then(forget, forget);
  return begun;
};
