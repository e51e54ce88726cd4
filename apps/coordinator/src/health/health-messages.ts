/** What the coordinator's loop says of itself, some times a second. Ages in ms; absent when there is nothing to be measured. */
export interface HealthReport {
  readonly status: 'ready' | 'not_ready' | 'unknown';
  readonly checks: { readonly [name: string]: { readonly ok: boolean } };
  readonly loopLagMs: number;
  readonly lastCommitAgeMs?: number;
  /** Age of the oldest write that is not acknowledged. */
  readonly oldestWaitingMs?: number;
}

/** What the thread says back: once where it listens, or why it cannot. */
export type HealthReply =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly message: string };
