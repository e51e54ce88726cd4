import type { RunId, TenantId } from '@skein/domain';

/** A wake-up: look at this run. It carries no truth. */
export interface RunHint {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly shard: number;
  /** Higher first. */
  readonly priority: number;
  /** Head that the publisher saw; with the run id it names the hint, so publishing it twice equals once. */
  readonly seq: number;
}

/** A hint that was handed out. */
export interface ClaimedHint extends RunHint {
  /** Names this hand-out; `done` and `release` take it. */
  readonly claim: string;
}

/** How a queue on a server of its own is. */
export interface QueueStatus {
  /** It answers, so publishing and claiming are worth trying. */
  readonly up: boolean;
  /** Why not, in a few words for people; no address and no secret. */
  readonly reason?: string;
  /** How long it has not answered, in ms. */
  readonly downMs?: number;
  /** Calls that failed since the start. */
  readonly failures: number;
  /** Whether hints that it took outlive its end; `unknown` when it does not say. Losing them loses no work. */
  readonly durability: 'durable' | 'at_risk' | 'unknown';
}

/**
 * The queue is a hint: losing all of it loses no work, because a sweep publishes again what the store says is ready.
 * At least once: a claim that is neither done nor released within its visibility time is handed out again.
 */
export interface RunQueue {
  publish(hints: readonly RunHint[]): Promise<void>;
  /** Highest priority, then oldest first; at most `limit`; invisible to others for `visibilityMs`. */
  claim(limit: number, visibilityMs: number): Promise<readonly ClaimedHint[]>;
  done(claims: readonly string[]): Promise<void>;
  /** Hand back at once. */
  release(claims: readonly string[]): Promise<void>;
  /** Calls `wake` when hints may be claimable (also spuriously); the returned function unsubscribes. */
  onAvailable(wake: () => void): () => void;
  size(): Promise<number>;
  /**
   * Only of a queue on a server of its own, whose calls throw `unavailable` in bounded time while that server does not answer, and which
   * then calls `wake` when it is back. Absent: the queue lives with the store and fails with it.
   */
  status?(): QueueStatus;
  close(): Promise<void>;
}
