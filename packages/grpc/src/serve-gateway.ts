import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { Server } from '@grpc/grpc-js';
import { DomainError } from '@skein/domain';
import type { CoordinatorGateway, Log, Meter } from '@skein/ports';
import type { ServerTls } from './credentials.ts';
import type { GrpcLimits } from './limits.ts';
import { defaultGrpcLimits, serverOptions } from './limits.ts';
import type { ServedPeers } from './serve-peers.ts';
import { servePeers } from './serve-peers.ts';
import { serveReadSecret } from './serve-secrets.ts';
import {
  serveFetchBlob,
  serveFetchPart,
  serveFetchSnapshot,
  serveReportExit,
  serveStoreBlob,
} from './serve-transfers.ts';
import { serveWork } from './serve-work.ts';
import { ServerIdentity } from './server-identity.ts';
import { workerService } from './worker-protocol.ts';

/** What is served, and where. */
export interface ServeGatewayOptions {
  readonly gateway: CoordinatorGateway;
  /** `HOST:PORT`; port 0 picks a free one. */
  readonly address: string;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<GrpcLimits>;
  readonly tls?: ServerTls;
  /** The door for other coordinators, on the same port; absent: there is none. */
  readonly peers?: ServedPeers;
}

/** A gateway that is being served. */
export interface ServedGateway {
  /** `HOST:PORT` with the port that was bound. */
  readonly address: string;
  /** New connections get these certificates, open ones go on. Throws `invalid_argument`, and changes nothing, for what cannot be used. */
  exchangeCertificates(tls: ServerTls): void;
  /** Takes no new calls, gives running ones `graceMs` to end, then breaks them. Idempotent. */
  close(graceMs: number): Promise<void>;
}

/** Serves any gateway over gRPC. Resolves once the port is bound; throws `unavailable` when it cannot be. */
export const serveGateway = async (options: ServeGatewayOptions): Promise<ServedGateway> => {
  const limits = { ...defaultGrpcLimits, ...options.limits };
  const identity = new ServerIdentity(options.tls);
  const { demandsCertificates } = identity;
  const deps = { gateway: options.gateway, log: options.log, meter: options.meter, limits, demandsCertificates };
  const server = new Server(serverOptions(limits));
  const handlers = {
    Work: (call: Parameters<typeof serveWork>[1]) => serveWork(deps, call),
    ReportExit: (call: Parameters<typeof serveReportExit>[1], answer: Parameters<typeof serveReportExit>[2]) =>
      serveReportExit(deps, call, answer),
    FetchSnapshot: (call: Parameters<typeof serveFetchSnapshot>[1]) => serveFetchSnapshot(deps, call),
    FetchPart: (call: Parameters<typeof serveFetchPart>[1]) => serveFetchPart(deps, call),
    ReadSecret: (call: Parameters<typeof serveReadSecret>[1], answer: Parameters<typeof serveReadSecret>[2]) =>
      serveReadSecret(deps, call, answer),
    FetchBlob: (call: Parameters<typeof serveFetchBlob>[1]) => serveFetchBlob(deps, call),
    StoreBlob: (call: Parameters<typeof serveStoreBlob>[1], answer: Parameters<typeof serveStoreBlob>[2]) =>
      serveStoreBlob(deps, call, answer),
  };
  server.addService(workerService, handlers as unknown as UntypedServiceImplementation);
  const { peers, log, meter } = options;
  if (peers !== undefined) servePeers(server, { peers, limits, log, meter, demandsCertificates });
  const port = await bind(server, options, identity);
  let closing: Promise<void> | undefined;
  return {
    address: options.address.startsWith('unix:') ? options.address : `${hostOf(options.address)}:${port}`,
    exchangeCertificates: (tls) => identity.exchange(tls),
    close: (graceMs) => (closing ??= shutDown(server, graceMs)),
  };
};

const hostOf = (address: string): string => address.slice(0, Math.max(0, address.lastIndexOf(':')));

const bind = (server: Server, options: ServeGatewayOptions, identity: ServerIdentity): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(options.address, identity.credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new DomainError('unavailable', `cannot listen on ${options.address}`, undefined, error));
    });
  });

const shutDown = (server: Server, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), Math.max(0, graceMs));
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
