import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { DomainError } from '@skein/domain';
import { createGuard } from '../guard/guard.ts';
import { problemContentType, toProblemDetails } from '../problem/problem-details.ts';
import { createHeldRequests, shareOfHeldRequests } from '../stream/held-requests.ts';
import { createApp } from './create-app.ts';
import { defaultHttpLimits, type HttpServerDeps, type HttpTls } from './http-deps.ts';
import { secureContextOf } from './secure-context.ts';

/** The HTTP surface of a coordinator. */
export interface HttpServer {
  /** Port 0 picks a free one. Throws `unavailable` when the address cannot be bound. */
  listen(host: string, port: number): Promise<{ readonly url: string; readonly port: number }>;
  /** New connections get this certificate, open ones go on. Throws `invalid_argument`, and changes nothing, for what cannot be used. */
  exchangeCertificates(tls: HttpTls): void;
  /** Ends open streams, answers what is under way, and closes; idempotent. */
  close(): Promise<void>;
  /** One request without a socket. */
  request(request: Request): Promise<Response>;
}

/** Longest time for a request's headers, and for all of it, in ms: a slow sender cannot hold a socket for ever. */
const headersTimeoutMs = 15_000;
const requestTimeoutMs = 120_000;
/** Quiet time after which a connection is probed, in ms. */
const probeAfterMs = 30_000;
/** After this, sockets that are still busy at close are cut. */
const closeGraceMs = 1_000;

/** The HTTP API over the coordinator's use cases. */
export const createHttpServer = (deps: HttpServerDeps): HttpServer => {
  const stopping = new AbortController();
  const limits = { ...defaultHttpLimits, ...deps.limits };
  const waits = createHeldRequests(limits.maxWaits, (count) => deps.meter.gauge('skein_http_waits', count));
  const app = createApp({
    ...deps,
    limits,
    guard: createGuard(deps),
    corsOrigins: deps.guard?.corsOrigins ?? [],
    stopping: stopping.signal,
    streams: createHeldRequests(limits.maxStreams, (count) => deps.meter.gauge('skein_http_event_streams', count)),
    waits,
    messageWaits: shareOfHeldRequests(waits, Math.ceil(limits.maxWaits / 2)),
  });
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    // What never became a request: a malformed target or host.
    errorHandler: () => problemOf(new DomainError('invalid_argument', 'the request target is not valid')),
  });
  let server: Server | TlsServer | undefined;
  let secure: TlsServer | undefined;
  let closed: Promise<void> | undefined;
  return {
    listen: async (host, port) => {
      // A peer that vanished without a word is found by probes of the system, also while there is nothing to send.
      const settings = {
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAlive: true,
        keepAliveInitialDelay: probeAfterMs,
      };
      const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
        void listener(request, response);
      };
      secure =
        deps.tls === undefined ? undefined : createTlsServer({ ...settings, ...secureContextOf(deps.tls) }, onRequest);
      server = secure ?? createServer(settings, onRequest);
      server.maxConnections = limits.maxConnections;
      await bind(server, host, port);
      const address = server.address() as AddressInfo;
      return {
        url: `http${secure === undefined ? '' : 's'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
        port: address.port,
      };
    },
    exchangeCertificates: (tls) => {
      if (secure === undefined)
        throw new DomainError('invalid_argument', 'whether TLS is used is decided at the start');
      secure.setSecureContext(secureContextOf(tls));
    },
    close: () => {
      closed ??= (async () => {
        stopping.abort();
        if (server !== undefined) await closeServer(server);
      })();
      return closed;
    },
    request: async (request) => app.fetch(request, {}),
  };
};

const problemOf = (error: DomainError): Response => {
  const problem = toProblemDetails(error);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'Content-Type': problemContentType },
  });
};

const bind = (server: Server | TlsServer, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      reject(
        new DomainError('unavailable', `cannot listen on ${host}:${port} (${error.code ?? 'unknown'})`, {}, error),
      );
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });

const closeServer = (server: Server | TlsServer): Promise<void> =>
  new Promise((resolve) => {
    // A connection whose answer ends now turns idle a moment later, so looking once is not enough.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
  });
