import type { Coordinator } from '@skein/coordinator';
import type { Log, Meter } from '@skein/ports';
import type { HeldRequests } from '../stream/held-requests.ts';

/** Limits of the API; all in bytes unless named otherwise. */
export interface HttpLimits {
  /** Params of a run, as JSON. */
  readonly maxParamsBytes: number;
  /** Body of every call but `apply`. */
  readonly maxBodyBytes: number;
  /** Body of `apply`: a whole project. */
  readonly maxApplyBytes: number;
  /** Quiet time after which a stream sends a comment. */
  readonly heartbeatMs: number;
  /** Pause between two looks at a log that is followed; grows to five times that while nothing comes. */
  readonly logPollMs: number;
  /** A stream whose reader takes nothing for so long is ended. */
  readonly stallMs: number;
  /** Event and log streams that may be open at once. */
  readonly maxStreams: number;
  /** Calls that may wait at once: for the end of a run, or (at most half of them) for what becomes of a message. */
  readonly maxWaits: number;
  /** Connections that may be open at once; further ones are closed at once. */
  readonly maxConnections: number;
}

/** Defaults of `HttpLimits`. */
export const defaultHttpLimits: HttpLimits = {
  maxParamsBytes: 256 * 1024,
  maxBodyBytes: 320 * 1024,
  maxApplyBytes: 20 * 1024 * 1024,
  heartbeatMs: 15_000,
  logPollMs: 200,
  stallMs: 120_000,
  maxStreams: 500,
  maxWaits: 500,
  maxConnections: 4_000,
};

/** What the HTTP surface needs. */
export interface HttpServerDeps {
  readonly coordinator: Coordinator;
  readonly log: Log;
  readonly meter: Meter;
  /** `/metrics` as text. */
  readonly metricsText: () => Promise<string>;
  /** Shown in `/openapi.json`. */
  readonly version?: string;
  readonly limits?: Partial<HttpLimits>;
}

/** What every route works with. */
export interface RouteDeps extends HttpServerDeps {
  readonly limits: HttpLimits;
  /** Aborted when the server stops; ends open streams. */
  readonly stopping: AbortSignal;
  readonly streams: HeldRequests;
  /** Waits of all kinds. */
  readonly waits: HeldRequests;
  /** The share of waits for messages, so that those for runs always find a place. */
  readonly messageWaits: HeldRequests;
}
