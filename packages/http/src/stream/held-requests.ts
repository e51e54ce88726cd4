import { DomainError } from '@skein/domain';

/** Requests that stay open on purpose: streams, and waits. */
export interface HeldRequests {
  readonly count: number;
  /** Takes a place until the returned function is called, which may be repeated. Throws `resource_exhausted` when none is left. */
  take(): () => void;
}

/** When a caller that found no place may come back, in ms. */
const retryAfterMs = 1_000;

/** At most `max` of the places of `all`: waits of one kind must leave some to the others. */
export const shareOfHeldRequests = (all: HeldRequests, max: number): HeldRequests => {
  const own = createHeldRequests(max);
  return {
    get count() {
      return own.count;
    },
    take: () => {
      const leaveOwn = own.take();
      try {
        const leaveAll = all.take();
        return () => {
          leaveOwn();
          leaveAll();
        };
      } catch (error) {
        leaveOwn();
        throw error;
      }
    },
  };
};

/** At most `max` places; each costs memory and looks at the store, so nobody may open them without end. */
export const createHeldRequests = (max: number, onChange: (count: number) => void = () => undefined): HeldRequests => {
  let count = 0;
  const change = (by: number) => {
    count += by;
    onChange(count);
  };
  return {
    get count() {
      return count;
    },
    take: () => {
      if (count >= max) {
        const message = `${max} streams or waits are open already, which is the limit`;
        throw new DomainError('resource_exhausted', message, { retryAfterMs });
      }
      change(1);
      let held = true;
      return () => {
        if (held) change(-1);
        held = false;
      };
    },
  };
};
