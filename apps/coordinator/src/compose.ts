import { mkdir, rm } from 'node:fs/promises';
import { type Coordinator, createCoordinator, defaultCoordinatorConfig } from '@skein/coordinator';
import { DomainError, defaultTenant } from '@skein/domain';
import { serveGateway } from '@skein/grpc';
import { createHttpServer } from '@skein/http';
import { createExpressions, createProjectReader } from '@skein/language';
import type { Log } from '@skein/ports';
import { readProjectFolder } from '@skein/sdk';
import { openSqlStores } from '@skein/store-sql';
import {
  createHasher,
  createIdSource,
  createPrometheusMeter,
  createSecretSource,
  createSecrets,
  createSystemClock,
} from '@skein/telemetry';
import { formatAddress } from './address.ts';
import type { Config } from './config.ts';
import { ensureToken } from './first-tokens.ts';
import type { HealthReport } from './health/health-messages.ts';
import { serveHealth } from './health/health-server.ts';
import { createWebhookSender } from './webhooks/create-webhook-sender.ts';

/** A coordinator that serves. */
export interface RunningCoordinator {
  /** URL of the HTTP API. */
  readonly http: string;
  /** `HOST:PORT` of the workers' door. */
  readonly grpc: string;
  /** URL of `/readyz` and `/healthz` from a thread of their own, when configured. */
  readonly health?: string;
  /** Lets answers and appends that are under way finish, then closes everything; idempotent. */
  stop(): Promise<void>;
}

/** How long worker streams get to end by themselves, in ms. */
const grpcGraceMs = 500;

/** Wires stores, coordinator, gRPC and HTTP, and starts them. On a failure, what was opened is closed again. */
export const composeCoordinator = async (config: Config, log: Log): Promise<RunningCoordinator> => {
  const clock = createSystemClock();
  const ids = createIdSource();
  const hasher = createHasher();
  const meter = createPrometheusMeter({ processMetrics: true });
  const closers: (() => Promise<unknown>)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const close of closers.toReversed()) {
        await close().catch((error: unknown) => log.error('something did not close well', { error }));
      }
    })();
    return stopped;
  };
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    const { dataDir, setAsideDamaged } = config;
    const stores = await openSqlStores({ dataDir, log, meter, clock, ids, hasher, setAsideDamaged });
    closers.push(() => stores.close());
    // The data folder is ours now, so what a crash left there leads nowhere.
    await rm(config.endpointFile, { force: true });
    const coordinator = createCoordinator(
      {
        clock,
        ids,
        hasher,
        secrets: createSecrets(),
        log,
        meter,
        ...stores,
        projectReader: createProjectReader({ hasher }),
        expressions: createExpressions(),
        ...(config.webhooks === undefined ? {} : { webhooks: createWebhookSender(config.webhooks) }),
        secretValues: createSecretSource(config.secrets.values, config.secrets.folder),
      },
      {
        coordinatorId: 'coordinator',
        heartbeatMs: config.heartbeatMs,
        leaseMs: config.leaseMs,
        memory: {
          ...defaultCoordinatorConfig.memory,
          foldIntervalMs: config.foldIntervalMs,
          policies: config.memoryPolicies,
        },
        snapshotRetentionMs: config.snapshotRetentionMs,
        retention: {
          ...defaultCoordinatorConfig.retention,
          runMs: config.runRetentionMs,
          eventMs: config.eventRetentionMs,
          maxEvents: config.maxEvents,
        },
        advertise: config.advertise,
      },
    );
    await coordinator.start();
    closers.push(() => coordinator.stop());
    await ensureToken(coordinator, 'api', 'admin', config.adminTokenFile);
    await ensureToken(coordinator, 'join', 'default', config.joinTokenFile);
    if (config.project !== undefined) await applyAtStart(coordinator, config, config.project, log);
    const grpc = await serveGateway({
      gateway: coordinator.gateway,
      address: formatAddress(config.grpc),
      ...(config.tls === undefined ? {} : { tls: config.tls }),
      log: log.child({ part: 'grpc' }),
      meter,
    });
    closers.push(() => grpc.close(grpcGraceMs));
    const server = createHttpServer({
      coordinator,
      log: log.child({ part: 'http' }),
      meter,
      metricsText: () => meter.text(),
    });
    closers.push(() => server.close());
    const http = await server.listen(config.http.host, config.http.port);
    const running = { http: http.url, grpc: grpc.address, stop };
    if (config.health === undefined) return running;
    const health = await serveHealth(config.health, () => healthOf(coordinator));
    closers.push(() => health.close());
    return { ...running, health: health.url };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Details of checks stay inside: whoever asks needs no token. */
const healthOf = (coordinator: Coordinator): HealthReport => {
  const { status, checks, loopLagMs, lastCommitAgeMs, oldestWaitingMs } = coordinator.readiness();
  const shown = Object.entries(checks).map(([name, { ok }]) => [name, { ok }] as const);
  return {
    status,
    checks: Object.fromEntries(shown),
    loopLagMs: Math.round(loopLagMs),
    ...(lastCommitAgeMs === undefined ? {} : { lastCommitAgeMs: Math.round(lastCommitAgeMs) }),
    ...(oldestWaitingMs === undefined ? {} : { oldestWaitingMs: Math.round(oldestWaitingMs) }),
  };
};

const applyAtStart = async (
  coordinator: ReturnType<typeof createCoordinator>,
  config: Config,
  project: string,
  log: Log,
): Promise<void> => {
  const files = await readProjectFolder(project);
  const result = await coordinator.applyProject(defaultTenant, {
    files: files.map((file) => ({ path: file.path, mode: file.mode ?? 0o644, bytes: file.bytes })),
    autoModel: config.autoModel,
    activate: 'new',
    dryRun: false,
  });
  if (result.dags.length === 0) throw new DomainError('invalid_argument', `the project ${project} has no DAGs`);
  log.info('project applied', { dags: result.dags.length, agents: result.agents.length, warnings: result.warnings });
};
