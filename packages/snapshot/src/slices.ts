/** Lets others go on: resolves when they had their turn. */
export type Pause = () => Promise<void>;

/** Work in slices of some milliseconds each: it yields after each, and returns the result. */
export type Slices<T> = Generator<void, T>;

/** All of the work at once. */
export const atOnce = <T>(slices: Slices<T>): T => {
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
};

/** The work with a pause between every two slices; at once without a pause. Throws what the work throws. */
export const inSlices = async <T>(slices: Slices<T>, pause: Pause | undefined): Promise<T> => {
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
    await pause?.();
  }
};
