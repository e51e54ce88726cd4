import { createGrpcGateway } from '@skein/grpc';
import type { TaskRunner } from '@skein/ports';
import {
  createIdSource,
  createPinoLog,
  createPrometheusMeter,
  createSystemClock,
  createSystemRandom,
} from '@skein/telemetry';
import { createWorkerEndpoint } from '@skein/worker';
import { nowMs } from '../measure.ts';

/*
 * A warm worker process with the real endpoint and protocol. Its step does nothing but note the time at which its code starts,
 * so that what is measured is Skein and not the step.
 */

const [address = '', token = '', slots = '256'] = process.argv.slice(2);

const runner: TaskRunner = {
  run: (offer, sink) => {
    const startedAt = nowMs();
    sink.started();
    const { runId, step, attempt, token: fencingToken } = offer;
    return Promise.resolve({
      runId,
      step,
      attempt,
      token: fencingToken,
      outcome: { status: 'succeeded' },
      outputs: { startedAt: { inline: startedAt } },
      durationMs: 0,
    });
  },
  held: () => [],
  onEvicted: () => undefined,
  close: () => Promise.resolve(),
};

const workerId = createIdSource().next('wrk');
const log = createPinoLog({ level: 'error' });
const endpoint = createWorkerEndpoint(
  {
    gateway: createGrpcGateway({ address, log }),
    runner,
    clock: createSystemClock(),
    random: createSystemRandom(),
    log,
    meter: createPrometheusMeter(),
  },
  {
    credentials: { token },
    info: {
      workerId,
      incarnation: workerId,
      labels: {},
      slots: Number(slots),
      kinds: ['noop'],
      isolation: 'none',
      snapshotFormats: [1],
      version: 'bench',
      hostname: 'localhost',
      pid: process.pid,
    },
  },
);
endpoint.start();
process.send?.({ type: 'up' });
process.on('SIGTERM', () => process.exit(0));
