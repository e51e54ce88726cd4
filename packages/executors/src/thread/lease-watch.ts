/**
 * How long the leases of a worker last, for all its threads: one instant in shared memory, on the clock that all threads of a process
 * have in common and that goes on while the process is stopped. A thread that wakes up before it is told that the leases are over
 * finds it out by itself.
 */
export interface LeaseWatch {
  /** The leases last so much longer, ms; 0 or less: they are over. */
  extend(remainingMs: number): void;
  /** False while the leases may be over, and before the first. */
  holds(): boolean;
}

/** Memory for one `LeaseWatch`; shared with threads by their `workerData`. */
export const leaseWatchMemory = (): SharedArrayBuffer => new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);

/** The watch that lives in this memory. */
export const createLeaseWatch = (memory: SharedArrayBuffer): LeaseWatch => {
  const until = new BigInt64Array(memory);
  return {
    extend: (remainingMs) => {
      const remaining = BigInt(Math.floor(Math.max(0, remainingMs) * 1_000_000));
      Atomics.store(until, 0, remaining === 0n ? 0n : process.hrtime.bigint() + remaining);
    },
    holds: () => process.hrtime.bigint() < Atomics.load(until, 0),
  };
};
