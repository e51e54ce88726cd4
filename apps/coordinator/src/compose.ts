import { mkdir, rm } from 'node:fs/promises';
import { type Coordinator, createCoordinator, defaultCoordinatorConfig } from '@skein/coordinator';
import { DomainError, defaultTenant } from '@skein/domain';
import { type ClientTls, type ServedGateway, serveGateway } from '@skein/grpc';
import { createHttpServer } from '@skein/http';
import { createExpressions, createProjectReader } from '@skein/language';
import type { Log } from '@skein/ports';
import { readProjectFolder } from '@skein/sdk';
import {
  createHasher,
  createHmacs,
  createIdSource,
  createPrometheusMeter,
  createSealer,
  createSecretSource,
  createSecrets,
  createSystemClock,
} from '@skein/telemetry';
import { formatAddress } from './address.ts';
import { type AuditedStart, createAuditedStart } from './audited-start.ts';
import type { Config } from './config.ts';
import { ensureToken } from './first-tokens.ts';
import { createLateGateways } from './fleet/late-gateway.ts';
import { openStores } from './fleet/open-stores.ts';
import { fleetConfigOf, freshCoordinatorId, peerDialerOf } from './fleet/peer-options.ts';
import { ensureSharedToken, type SharedTokensDeps } from './fleet/shared-tokens.ts';
import type { HealthReport } from './health/health-messages.ts';
import { serveHealth } from './health/health-server.ts';
import { defaultSecurity } from './security/security-config.ts';
import type { TlsMaterial } from './tls/tls-files.ts';
import { watchTlsFiles } from './tls/watch-tls-files.ts';
import { loadTracer } from './trace/load-tracer.ts';
import { createWebhookSender } from './webhooks/create-webhook-sender.ts';
import { createPostToPublic } from './webhooks/post-to-public.ts';

/** A coordinator that serves. */
export interface RunningCoordinator {
  /** URL of the HTTP API. */
  readonly http: string;
  /** `HOST:PORT` of the workers' door. */
  readonly grpc: string;
  /** URL of `/readyz` and `/healthz` from a thread of their own, when configured. */
  readonly health?: string;
  /** Resolves when another process has taken over the name of this coordinator: it does nothing any more, and is to be stopped. */
  readonly replaced: Promise<void>;
  /** Takes the certificates that lie in the files now, if they changed; streams go on. */
  reloadCertificates(): void;
  /** Lets answers and appends that are under way finish, then closes everything; idempotent. */
  stop(): Promise<void>;
}

/** How long worker streams get to end by themselves, in ms. */
const grpcGraceMs = 500;

/** Wires stores, coordinator, gRPC and HTTP, and starts them. On a failure, what was opened is closed again. */
export const composeCoordinator = async (config: Config, log: Log): Promise<RunningCoordinator> => {
  const clock = createSystemClock();
  const ids = createIdSource();
  const { security = defaultSecurity, fleet = {} } = config;
  const hasher = createHasher();
  const meter = createPrometheusMeter({ processMetrics: true, part: 'coordinator' });
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
    const tracing = await loadTracer(config.traces, log);
    // Opened first and closed last: what ends meanwhile is sent too.
    if (tracing !== undefined) closers.push(() => tracing.close());
    const traced = tracing === undefined ? {} : { tracer: tracing.tracer };
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    const stores = await openStores({ ...config, fleet }, { log, meter, clock, ids, hasher });
    closers.push(() => stores.close());
    // The data folder is ours now, so what a crash left there leads nowhere.
    await rm(config.endpointFile, { force: true });
    const doors = createLateGateways();
    const serve = async (): Promise<ServedGateway> => {
      const { peerSecret } = fleet;
      const served = await serveGateway({
        gateway: doors.workers,
        ...(peerSecret === undefined ? {} : { peers: { gateway: doors.peers, secret: peerSecret() } }),
        address: formatAddress(config.grpc),
        ...(config.tls === undefined ? {} : { tls: config.tls }),
        log: log.child({ part: 'grpc' }),
        meter,
      });
      closers.push(() => served.close(grpcGraceMs));
      return served;
    };
    // Others are told where this one listens before it takes its share.
    const early = fleet.store === undefined ? undefined : await serve();
    let { peerTls } = config;
    const peerSource = peerTls === undefined ? undefined : (): ClientTls => peerTls ?? {};
    const peerDialer = peerDialerOf(fleet, peerSource, { log: log.child({ part: 'peers' }), meter });
    const secrets = createSecrets();
    let onReplaced = (): void => undefined;
    const replaced = new Promise<void>((resolve) => {
      onReplaced = resolve;
    });
    const coordinator = createCoordinator(
      {
        onReplaced,
        clock,
        ids,
        hasher,
        secrets,
        ...(peerDialer === undefined ? {} : { peerDialer }),
        log,
        meter,
        ...traced,
        ...stores,
        projectReader: createProjectReader({ hasher }),
        expressions: createExpressions(),
        ...(config.webhooks === undefined
          ? {}
          : {
              webhooks: createWebhookSender(
                config.webhooks,
                undefined,
                security.guardWebhooks ? await createPostToPublic() : undefined,
              ),
            }),
        hmac: createHmacs(),
        ...(security.sealingKeys === undefined ? {} : { sealer: createSealer(security.sealingKeys) }),
        secretValues: createSecretSource(config.secrets.values, config.secrets.folder),
      },
      {
        coordinatorId: fleet.coordinatorId ?? (early === undefined ? 'coordinator' : freshCoordinatorId()),
        ...(early === undefined ? {} : { fleet: fleetConfigOf(fleet, early.address, config.advertise) }),
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
        audit: { ...defaultCoordinatorConfig.audit, retentionMs: security.auditRetentionMs },
        advertise: config.advertise,
      },
    );
    doors.open(coordinator);
    await coordinator.start();
    closers.push(() => coordinator.stop());
    const audited = createAuditedStart(coordinator);
    await ensureFirstTokens(config, coordinator, { tokens: stores.tokens, clock, hasher, secrets, log, audited });
    if (config.project !== undefined) await applyAtStart(coordinator, audited, config, config.project, log);
    const grpc = early ?? (await serve());
    const server = createHttpServer({
      coordinator,
      log: log.child({ part: 'http' }),
      meter,
      metricsText: () => meter.text(),
      ...traced,
      ...(config.httpTls === undefined ? {} : { tls: config.httpTls }),
      guard: security.guard,
    });
    closers.push(() => server.close());
    const http = await server.listen(config.http.host, config.http.port);
    const watched = watchTlsFiles(
      config.tlsFiles ?? {},
      tlsMaterialOf(config),
      log.child({ part: 'tls' }),
      (material) => {
        if (material.grpc !== undefined) grpc.exchangeCertificates(material.grpc);
        if (material.http !== undefined) server.exchangeCertificates(material.http);
        peerTls = material.peer;
      },
    );
    closers.push(async () => watched.close());
    const reloadCertificates = () => watched.reload();
    const running = { http: http.url, grpc: grpc.address, replaced, reloadCertificates, stop };
    if (config.health === undefined) return running;
    const health = await serveHealth(config.health, () => healthOf(coordinator));
    closers.push(() => health.close());
    return { ...running, health: health.url };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Embedded, they are made in the data folder; on a store that others share, once for all of them. */
const ensureFirstTokens = async (config: Config, coordinator: Coordinator, deps: SharedTokensDeps): Promise<void> => {
  const { adminToken, joinToken, schedulerToken, store } = config.fleet ?? {};
  const first = [
    { kind: 'api', name: 'admin', given: adminToken?.(), path: config.adminTokenFile },
    { kind: 'join', name: 'default', given: joinToken?.(), path: config.joinTokenFile },
  ] as const;
  for (const { given, ...token } of first) {
    if (store === undefined && given === undefined) {
      await ensureToken(coordinator, deps.audited, token.kind, token.name, token.path);
    } else await ensureSharedToken(deps, given === undefined ? token : { ...token, given });
  }
  if (schedulerToken !== undefined) {
    const scheduler = { kind: 'api', name: 'scheduler', role: 'operator' } as const;
    await ensureSharedToken(deps, { ...scheduler, given: schedulerToken() });
  }
};

const tlsMaterialOf = ({ tls, httpTls, peerTls }: Config): TlsMaterial => ({
  ...(tls === undefined ? {} : { grpc: tls }),
  ...(tls === undefined || peerTls === undefined ? {} : { peer: peerTls }),
  ...(httpTls === undefined ? {} : { http: httpTls }),
});

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
  coordinator: Coordinator,
  audited: AuditedStart,
  config: Config,
  project: string,
  log: Log,
): Promise<void> => {
  const files = await readProjectFolder(project);
  await audited('start.apply', async () => {
    const { dags, agents, warnings } = await coordinator.applyProject(defaultTenant, {
      files: files.map((file) => ({ path: file.path, mode: file.mode ?? 0o644, bytes: file.bytes })),
      autoModel: config.autoModel,
      activate: 'new',
      dryRun: false,
    });
    if (dags.length === 0) throw new DomainError('invalid_argument', `the project ${project} has no DAGs`);
    log.info('project applied', { dags: dags.length, agents: agents.length, warnings });
    return { details: { dags: dags.length, agents: agents.length } };
  });
};
