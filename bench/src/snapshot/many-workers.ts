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

/*
 * Many workers in one process, each with the real endpoint and a connection of its own. A worker takes the whole snapshot of its task,
 * keeps nothing of it, and holds the task until the process is told to let go, so that all of them are attached to one snapshot at once.
 */

const [address = '', token = '', count = '200'] = process.argv.slice(2);

let running = 0;
let release = (): void => {};
const released = new Promise<void>((resolve) => {
  release = resolve;
});

const runner: TaskRunner = {
  run: async (offer, sink, transfers) => {
    const { runId, step, attempt, token: fencingToken, snapshot } = offer;
    if (snapshot !== undefined && snapshot.envelope === undefined) await transfers.fetchSnapshot(snapshot.digest, []);
    sink.started();
    running += 1;
    process.send?.({ type: 'running', running });
    await released;
    return {
      runId,
      step,
      attempt,
      token: fencingToken,
      outcome: { status: 'succeeded' },
      outputs: { text: { inline: 'done' } },
      durationMs: 0,
    };
  },
  held: () => [],
  onEvicted: () => undefined,
  close: () => Promise.resolve(),
};

const log = createPinoLog({ level: 'error' });
for (let index = 0; index < Number(count); index += 1) {
  const workerId = createIdSource().next('wrk');
  createWorkerEndpoint(
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
        slots: 1,
        kinds: ['agent'],
        isolation: 'none',
        snapshotFormats: [1],
        version: 'bench',
        hostname: 'localhost',
        pid: process.pid,
      },
    },
  ).start();
}
process.on('message', () => release());
process.on('SIGTERM', () => process.exit(0));
process.send?.({ type: 'up' });
