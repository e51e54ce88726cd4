import { mkdirSync, openSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { snapshotFormatVersions, type WorkerInfo, workerFeatures } from '@skein/domain';
import {
  clearAbandonedWorkFolders,
  createLeaseWatch,
  createThreadTaskRunner,
  killHolders,
  leaseWatchMemory,
  ownWorkFolder,
} from '@skein/executors';
import { createGrpcGateway } from '@skein/grpc';
import type { Log } from '@skein/ports';
import {
  createIdSource,
  createPinoLog,
  createPrometheusMeter,
  createSystemClock,
  createSystemRandom,
} from '@skein/telemetry';
import { createManyCoordinators, createWorkerEndpoint, type WorkerEndpoint } from '@skein/worker';
import type { WorkerConfig } from './config.ts';
import type { ExecutorThreadData } from './executor-thread-data.ts';
import { createTlsSource, workerNameOf } from './worker-tls.ts';

/** A worker, wired and not yet started. */
export interface ComposedWorker {
  readonly endpoint: WorkerEndpoint;
  readonly log: Log;
  /** After the endpoint's end: closes the connection and removes what is left on disk. */
  close(): Promise<void>;
}

const version = '0.1.0';

/** Wires one worker: the endpoint in this thread, everything that executes in another. */
export const composeWorker = async (config: WorkerConfig): Promise<ComposedWorker> => {
  const ids = createIdSource();
  const name = workerNameOf(config.tls);
  // The coordinator believes an id only that begins with the name in the certificate.
  const workerId = name === undefined ? ids.next('wrk') : `${name}:${ids.next('wrk')}`;
  // Whoever knows it could speak as this process, so it is in nothing that others see.
  const incarnation = config.incarnation ?? ids.next('lch');
  const log = createPinoLog({ level: config.logLevel, fields: { app: 'worker', workerId } });
  await clearAbandonedWorkFolders(config.workDir);
  const workFolder = join(config.workDir, ownWorkFolder());
  // Below the launcher's, a name of this process alone: what it kills at its end is nobody else's, whoever shares its environment.
  const launchMarker = config.launchMarker === undefined ? undefined : `${config.launchMarker}/${ids.next('lch')}`;
  const marked = launchMarker === undefined ? {} : { launchMarker };
  const launchFile = launchMarker === undefined ? undefined : openLaunchFile(workFolder, launchMarker);
  const leaseWatch = leaseWatchMemory();
  const lease = createLeaseWatch(leaseWatch);
  const data: ExecutorThreadData = {
    workerId,
    workFolder,
    stepEnv: config.stepEnv,
    ...marked,
    ...(launchFile === undefined ? {} : { launchFile: launchFile.descriptor }),
    logLevel: config.logLevel,
    maxCacheBytes: config.maxCacheBytes,
    secretValues: config.secrets.values.reveal(),
    httpAllow: config.httpAllow,
    leaseWatch,
    ...(config.traces === undefined ? {} : { traces: config.traces }),
    ...(config.secrets.folder === undefined ? {} : { secretsFolder: config.secrets.folder }),
  };
  const random = createSystemRandom();
  const tls = createTlsSource(config.tls, config.tlsFiles);
  const gateway = createManyCoordinators(
    config.coordinators,
    (address) => createGrpcGateway({ address, log, ...(tls === undefined ? {} : { tls }) }),
    random,
  );
  const endpoint = createWorkerEndpoint(
    {
      gateway,
      runner: createThreadTaskRunner({ entry: threadEntry(), data, log, ...marked }),
      clock: createSystemClock(),
      random,
      log,
      meter: createPrometheusMeter(),
      onLease: (remainingMs) => lease.extend(remainingMs),
    },
    {
      credentials: { token: config.joinToken.reveal() },
      info: workerInfo(config, workerId, incarnation),
      tuning: { drainDeadlineMs: config.drainMs },
    },
  );
  return {
    endpoint,
    log,
    close: async () => {
      if (launchFile !== undefined) await killHolders(launchFile.path);
      gateway.close();
      await rm(workFolder, { recursive: true, force: true });
    },
  };
};

/** Steps inherit it, so that one that cleared its environment is still found by the launcher, or by this process at its end. */
const openLaunchFile = (workFolder: string, marker: string): { readonly path: string; readonly descriptor: number } => {
  mkdirSync(workFolder, { recursive: true, mode: 0o700 });
  const path = join(realpathSync(workFolder), `.skein-launch.${marker.replaceAll('/', '+')}`);
  return { path, descriptor: openSync(path, 'w', 0o600) };
};

const workerInfo = (config: WorkerConfig, workerId: string, incarnation: string): WorkerInfo => ({
  workerId,
  incarnation,
  labels: config.labels,
  slots: config.slots,
  kinds: ['shell', 'script', 'exec', 'noop', 'http', 'agent'],
  isolation: 'none',
  snapshotFormats: snapshotFormatVersions,
  features: workerFeatures,
  version,
  hostname: config.hostname,
  pid: process.pid,
});

/** Beside this module: TypeScript when run from the sources, JavaScript when built. */
const threadEntry = (): URL => {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./executor-thread.${extension}`, import.meta.url);
};
