import { defaultSnapshotLimits, type WorkerInfo } from '@skein/domain';
import type { JoinCredentials } from '@skein/ports';

/** Timing and bounds of a worker's endpoint. All durations in ms, all sizes in bytes. */
export interface EndpointTuning {
  /** How much earlier than the lease the worker stops side effects, when no heartbeat was answered. */
  readonly fenceMarginMs: number;
  /** No welcome within this time: the stream is given up. */
  readonly welcomeTimeoutMs: number;
  /** Ceiling of the first reconnect delay; doubles with every failure. */
  readonly reconnectBaseMs: number;
  readonly reconnectCapMs: number;
  /** How long `drain` lets running tasks go on. */
  readonly drainDeadlineMs: number;
  /** How long a leaving worker waits for aborted tasks to end, and again for its results to be acknowledged. */
  readonly settleMs: number;
  /** A result that a live coordinator did not acknowledge for so long is sent again. */
  readonly resendMs: number;
  readonly maxLogBytesPerAttempt: number;
  /** Log bytes on the stream that no heartbeat answer covers yet; above it logs wait. */
  readonly logWindowBytes: number;
  /** Small log writes are gathered for this long. */
  readonly logGatherMs: number;
  /** How long a finished task's result waits for the rest of its log. */
  readonly logDrainMs: number;
  /** Largest part of a snapshot as it travels: the limit of a part, and what gzip adds to bytes that do not compress. */
  readonly maxPartBytes: number;
}

/** Defaults of `EndpointTuning`. The margin and the periods are those of the delivery rules (lease 6 s, heartbeat 1.5 s). */
export const defaultEndpointTuning: EndpointTuning = {
  fenceMarginMs: 1_500,
  welcomeTimeoutMs: 5_000,
  reconnectBaseMs: 100,
  reconnectCapMs: 1_000,
  drainDeadlineMs: 25_000,
  settleMs: 5_000,
  resendMs: 5_000,
  maxLogBytesPerAttempt: 8 * 1024 * 1024,
  logWindowBytes: 1024 * 1024,
  logGatherMs: 50,
  logDrainMs: 5_000,
  maxPartBytes: defaultSnapshotLimits.maxPartBytes + 64 * 1024,
};

/** Who the worker is, and what may be tuned. */
export interface EndpointConfig {
  readonly credentials: JoinCredentials;
  readonly info: WorkerInfo;
  readonly tuning?: Partial<EndpointTuning>;
}
