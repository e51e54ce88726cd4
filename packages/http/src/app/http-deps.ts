import type { Coordinator } from '@skein/coordinator';
import type { Log, Meter, Tracer } from '@skein/ports';
import type { Guard } from '../guard/guard.ts';
import type { GuardConfig } from '../guard/guard-config.ts';
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
  /** How long the token of `/readyz` may be looked up, ms; after that it is answered as without one: the store may be what does not answer. */
  readonly readinessLookUpMs: number;
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
  readinessLookUpMs: 1_000,
  maxConnections: 4_000,
};

/** Key and certificate of the server, PEM. */
export interface HttpTls {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What the HTTP surface needs. */
export interface HttpServerDeps {
  readonly coordinator: Coordinator;
  readonly log: Log;
  readonly meter: Meter;
  /** Records what requests took; without it nothing does. */
  readonly tracer?: Tracer;
  /** `/metrics` as text. */
  readonly metricsText: () => Promise<string>;
  /** Shown in `/openapi.json`. */
  readonly version?: string;
  readonly limits?: Partial<HttpLimits>;
  readonly guard?: Partial<GuardConfig>;
  /** With it, HTTPS is served, and nothing else. */
  readonly tls?: HttpTls;
}

/** What every route works with. */
export interface RouteDeps extends Omit<HttpServerDeps, 'guard' | 'tls'> {
  readonly limits: HttpLimits;
  readonly guard: Guard;
  readonly corsOrigins: readonly string[];
  /** Aborted when the server stops; ends open streams. */
  readonly stopping: AbortSignal;
  readonly streams: HeldRequests;
  /** Waits of all kinds. */
  readonly waits: HeldRequests;
  /** The share of waits for messages, so that those for runs always find a place. */
  readonly messageWaits: HeldRequests;
}
