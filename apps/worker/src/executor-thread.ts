// The thread in which tasks run; compose.ts starts it. Nothing here may be needed for heartbeats.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createAgentExecutor } from '@skein/agent';
import { defaultSnapshotLimits } from '@skein/domain';
import {
  createBoundedPatterns,
  createHttpExecutor,
  createLeaseWatch,
  createNodeToolHost,
  createNoopExecutor,
  createPortProcessGroups,
  createShellExecutor,
  createToolServers,
  createWorkDirs,
  createWorkTree,
  parseAllowedTargets,
  publicOnly,
  serveTaskRunner,
} from '@skein/executors';
import { createModelRouter } from '@skein/models';
import { createSnapshotOpener } from '@skein/snapshot';
import {
  createHasher,
  createPinoLog,
  createSecretSource,
  createSystemClock,
  createSystemRandom,
} from '@skein/telemetry';
import { createTaskRunner } from '@skein/worker';
import type { ExecutorThreadData } from './executor-thread-data.ts';
import { loadTracer } from './load-tracer.ts';

const port = parentPort as MessagePort;
const data = workerData as ExecutorThreadData;
const clock = createSystemClock();
const hasher = createHasher();
const log = createPinoLog({ level: data.logLevel, fields: { app: 'worker', workerId: data.workerId } });
const groups = createPortProcessGroups(port, data.launchFile, createLeaseWatch(data.leaseWatch));
const marked = data.launchMarker === undefined ? {} : { launchMarker: data.launchMarker };

const patterns = createBoundedPatterns();
const allowed = parseAllowedTargets(data.httpAllow);
const gate = { allowed: allowed.ok ? allowed.value : publicOnly };

const tracing = await loadTracer(data.traces, log, data.workerId);
const traced = tracing === undefined ? {} : { tracer: tracing.tracer };

const agent = createAgentExecutor({
  model: createModelRouter({ clock }),
  toolServers: createToolServers({ path: data.stepEnv['PATH'] ?? '', groups, ...marked }),
  toolHost: createNodeToolHost({ path: data.stepEnv['PATH'] ?? '', groups, gate, ...marked }),
  clock,
  random: createSystemRandom(),
  patterns,
  log,
  meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
  ...traced,
});

const runner = createTaskRunner({
  executors: [
    createShellExecutor({ baseEnv: data.stepEnv, groups, ...marked }),
    createNoopExecutor(),
    createHttpExecutor(gate),
    agent,
  ],
  snapshots: createSnapshotOpener({ hasher, limits: defaultSnapshotLimits, maxCacheBytes: data.maxCacheBytes }),
  workDirs: createWorkDirs(data.workFolder),
  hasher,
  patterns,
  secretValues: createSecretSource(new Map(Object.entries(data.secretValues)), data.secretsFolder),
  clock,
  log,
  workTrees: createWorkTree,
  ...traced,
});

serveTaskRunner(
  port,
  tracing === undefined
    ? runner
    : {
        ...runner,
        close: async () => {
          await runner.close();
          await tracing.close();
        },
      },
);
