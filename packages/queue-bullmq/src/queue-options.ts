import type { Clock, IdSource, Log, Meter, QueueStatus, RunQueue } from '@skein/ports';

/** Where the queue is, and what it works with. Times in ms. */
export interface BullmqQueueOptions {
  /**
   * `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, or `rediss://` over TLS. With `?cluster=true` the host is one node of a Redis Cluster, which
   * names the others.
   */
  readonly url: string;
  /** Key prefix; coordinators with the same prefix share the queue. Its braces keep all keys in one slot of a cluster. Default `{skein}`. */
  readonly prefix?: string;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** A call without an answer for so long has failed. Default 2,000. */
  readonly deadlineMs?: number;
  /** How often the server is asked whether it answers. Default 1,000. */
  readonly probeMs?: number;
  /** Hints that this process published and did not claim are told to others after so long; 0: at once. Default 20. */
  readonly shareAfterMs?: number;
  /** A hint that a process claimed and did not survive comes back after so long, and up to two looks of `stalledMs`. Default 15,000. */
  readonly lockMs?: number;
  /** How often hints of dead processes are looked for. Default 5,000. */
  readonly stalledMs?: number;
}

/** The queue port on BullMQ over Redis. Its calls throw `unavailable` within the deadline, and at once while Redis is known to be away. */
export interface BullmqQueue extends RunQueue {
  status(): QueueStatus;
}
