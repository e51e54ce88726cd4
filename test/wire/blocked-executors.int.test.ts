import type { TaskOffer } from '@skein/domain';
import { createThreadTaskRunner } from '@skein/executors';
import { createGrpcGateway, serveGateway } from '@skein/grpc';
import type { TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import { createSystemClock, createSystemRandom } from '@skein/telemetry';
import {
  createMemoryLog,
  createNodeHasher,
  patientLimits as limits,
  ScriptedCoordinator,
  sampleOffer,
  sampleStep,
  scriptedToken,
} from '@skein/testkit';
import { createWorkerEndpoint } from '@skein/worker';
import { expect, test } from 'vitest';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 60_000, interval: 10 };
const entry = new URL('../../packages/executors/test/test-thread.ts', import.meta.url);
const leaseMs = 8_000;
const quiet: TaskSink = { started: () => undefined, log: () => undefined };
const noTransfers = { onMessage: () => () => undefined } as unknown as TaskTransfers;

test('a step that blocks its event loop for twice the lease keeps it: the worker is heard all the time [crash 17]', async () => {
  const log = createMemoryLog();
  const coordinator = new ScriptedCoordinator(createNodeHasher());
  let beats = 0;
  coordinator.onMessage = (stream, message) => {
    if (message.type === 'hello') {
      stream.send({
        type: 'welcome',
        protocol: 1,
        sessionId: 'ses_1',
        coordinatorId: 'test',
        serverTime: 0,
        heartbeatMs: 150,
        leaseMs,
        snapshotFormat: 1,
        // A stop of this process is silence to the worker, which comes back on another stream.
        keep: message.running.map(({ runId, step, attempt, token }) => ({ runId, step, attempt, token })),
      });
    } else if (message.type === 'heartbeat') {
      beats += 1;
      stream.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
    } else if (message.type === 'result') {
      stream.send({ type: 'result_acknowledged', task: message.result, outcome: 'recorded' });
    }
  };
  const served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter, limits });
  const gateway = createGrpcGateway({ address: served.address, log, limits });
  const thread = createThreadTaskRunner({ entry, data: 'blocked', log });
  const runner: TaskRunner = {
    run: (...task) => thread.run(...task),
    held: () => [], // what this thread says that it holds are no digests
    onEvicted: () => undefined,
    close: () => thread.close(),
  };
  const endpoint = createWorkerEndpoint(
    {
      gateway,
      runner,
      clock: createSystemClock(),
      random: createSystemRandom(),
      log,
      meter,
    },
    {
      credentials: { token: scriptedToken },
      info: {
        workerId: 'wrk_1',
        incarnation: 'lch_1',
        labels: {},
        slots: 2,
        kinds: ['exec'],
        isolation: 'none',
        snapshotFormats: [1],
        version: '0.0.0',
        hostname: 'host',
        pid: 1,
      },
      tuning: { fenceMarginMs: 300, welcomeTimeoutMs: 60_000 },
    },
  );
  const offer = (index: number, ...argv: readonly string[]): TaskOffer => ({
    ...sampleOffer(index),
    definition: { ...sampleStep(), action: { kind: 'exec', argv } },
  });
  const results = () => coordinator.streams.flatMap(({ received }) => received).filter(({ type }) => type === 'result');
  try {
    // The thread is up before there is a lease: it takes its time to start.
    await runner.run(offer(0, 'noop'), quiet, noTransfers, new AbortController().signal);
    endpoint.start();
    await expect.poll(() => beats, patience).toBeGreaterThan(0);
    const from = beats;
    coordinator.streams.at(-1)?.send({ type: 'offer', offer: offer(1, 'stand still', String(2 * leaseMs)) });
    await expect.poll(() => results().length, patience).toBe(1);
    expect(results()[0]).toMatchObject({ result: { token: offer(1).token, outcome: { status: 'succeeded' } } });
    expect(beats - from).toBeGreaterThanOrEqual(12); // about a hundred; a loop that is blocked has one at most
  } finally {
    await endpoint.stop();
    gateway.close();
    await served.close(0);
  }
}, 180_000);
