/** A coordinator of the fleet, as it says of itself. */
export interface Member {
  readonly coordinatorId: string;
  /** Unlike that of any other process, also of the same coordinator started again. */
  readonly incarnation: string;
  /** `HOST:PORT` at which other coordinators reach it; empty: it has no peers. */
  readonly peerAddress: string;
  /** `HOST:PORT` at which workers reach it. */
  readonly workerAddress: string;
  /** Types of facts that it can evolve, as `TYPE@VERSION`: one that a live member does not know is written by nobody. */
  readonly facts: readonly string[];
  /** ms since the epoch; for people only. */
  readonly startedAt: number;
  /** It takes no new shards: it is about to leave. */
  readonly leaving: boolean;
  /** Tells secrets of fleets apart, and gives none away; absent: it has none, or does not say. */
  readonly secretFingerprint?: string;
}

/** A member as its row says. `renewal` rises with every renewal: a row that stays the same gives no sign of life. A count, not an instant. */
export interface MemberRow extends Member {
  readonly renewal: number;
}

/**
 * Who belongs to the fleet: one row per coordinator. Nobody is judged by instants: whoever reads sees a renewal unchanged, by its own
 * monotonic clock, for so long.
 */
export interface MemberStore {
  /** Writes the own row and gives all rows as of then, the own included: one round trip. Another incarnation under the same id is replaced. */
  renew(member: Member): Promise<readonly MemberRow[]>;
  /** All rows, as `renew` gives them; nothing is written. */
  list(): Promise<readonly MemberRow[]>;
  /** Removes the row if it is still that of this incarnation. Idempotent. */
  leave(coordinatorId: string, incarnation: string): Promise<void>;
  /** Removes the row of a member that gave no sign of life since `renewal`. False when it did meanwhile. */
  bury(coordinatorId: string, incarnation: string, renewal: number): Promise<boolean>;
}

/** Which coordinator holds a worker's stream. */
export interface WorkerPlace {
  readonly workerId: string;
  /** Rises with each stream that the worker opens, wherever it ends. */
  readonly epoch: number;
  readonly coordinatorId: string;
  readonly sessionId: string;
}

/** One row per worker: who holds its stream. A released row keeps its epoch, so that the next claim is above it; rows of workers that did not come back are removed with time. */
export interface WorkerPlaceStore {
  /** The worker opened a stream here: takes the row, at the next epoch. Durable when it resolves; one of two that claim at once has the higher epoch. */
  claim(tenant: string, workerId: string, coordinatorId: string, sessionId: string): Promise<WorkerPlace>;
  read(tenant: string, workerId: string): Promise<WorkerPlace | undefined>;
  /** Nobody holds it any more, if it is still at this epoch. Idempotent. */
  release(tenant: string, workerId: string, epoch: number): Promise<void>;
  /** Forgets rows that did not change since `before` (ms) and that nobody of these coordinators holds. Returns how many. */
  prune(before: number, liveCoordinators: readonly string[]): Promise<number>;
}
