import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskOffer, TaskResult, TurnEntry } from '@skein/domain';
import { createGrpcGateway } from '@skein/grpc';
import type { TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import {
  createIdSource,
  createPinoLog,
  createPrometheusMeter,
  createSystemClock,
  createSystemRandom,
} from '@skein/telemetry';
import { createManyCoordinators, createWorkerEndpoint } from '@skein/worker';
import { nowMs } from '../measure.ts';
import type { BenchWorkerOptions } from './bench-worker-options.ts';

/*
 * Warm workers in one process, each with the real endpoint, protocol and connection of its own. Only what a step does is ours:
 *  instant  nothing but noting the time at which its code starts, so that what is measured is Skein and not the step
 *  pause    takes some time, and no processor
 *  hold     takes the whole snapshot of its task, keeps nothing of it, and holds the task until the process is told to let go
 *  agent    plays an agent whose model answers at once: a turn for each message, and turns with a tool call on request
 */

const [text = '{}'] = process.argv.slice(2);
const {
  address,
  token,
  workers,
  slots,
  kinds,
  labels,
  behaviour,
  pauseMs = 0,
  joinEveryMs = 0,
} = JSON.parse(text) as BenchWorkerOptions;

type Run = (offer: TaskOffer, sink: TaskSink, transfers: TaskTransfers) => Promise<TaskResult>;

const resultOf = ({ runId, step, attempt, token: fencingToken }: TaskOffer, outputs: TaskResult['outputs']) => ({
  runId,
  step,
  attempt,
  token: fencingToken,
  outcome: { status: 'succeeded' as const },
  outputs,
  durationMs: 0,
});

const instant: Run = (offer, sink) => {
  const startedAt = nowMs();
  sink.started();
  return Promise.resolve(resultOf(offer, { startedAt: { inline: startedAt } }));
};

const pause: Run = async (offer, sink) => {
  sink.started();
  await sleep(pauseMs);
  return resultOf(offer, {});
};

let running = 0;
let release = (): void => {};
let released = new Promise<void>((resolve) => {
  release = resolve;
});
const letGo = (): void => {
  const open = release;
  released = new Promise<void>((resolve) => {
    release = resolve;
  });
  open();
};

const hold: Run = async (offer, sink, transfers) => {
  const at = nowMs();
  const until = released;
  const { snapshot } = offer;
  if (snapshot !== undefined && snapshot.envelope === undefined) await transfers.fetchSnapshot(snapshot.digest, []);
  sink.started();
  running += 1;
  process.send?.({ type: 'running', running, at });
  await until;
  return resultOf(offer, { text: { inline: 'done' } });
};

/** About what a short turn of a model takes: 1 KiB of text. */
const said = 'x'.repeat(1_024);

const turnEntry = (turn: number, more: Partial<TurnEntry>): TurnEntry => ({
  type: 'turn',
  thread: '',
  turn,
  delta: { inline: { said: [], text: said, toolCalls: [] } },
  finishReason: 'tool_calls',
  calls: [],
  usage: { inputTokens: 0, outputTokens: 0 },
  ...more,
});

const agent: Run = async (offer, sink, transfers) => {
  const until = released;
  let index = 0;
  let turn = 0;
  let last = Promise.resolve();
  /** One after the other, as the turns of an agent are. */
  const inTurn = (act: () => Promise<void>): void => {
    last = last.then(act);
  };
  const record = async (...entries: Parameters<TaskTransfers['checkpoint']>[1]): Promise<void> => {
    index += entries.length;
    await transfers.checkpoint(index - entries.length, entries);
  };
  sink.started();
  const stop = transfers.onMessage(({ number, messageId }) => {
    const at = nowMs();
    inTurn(async () => {
      turn += 1;
      const presentedAt = nowMs();
      transfers.presented([number], turn);
      await record(turnEntry(turn, { consumed: [number] }));
      process.send?.({ type: 'read', messageId, at, presentedAt, consumedAt: nowMs() });
    });
  });
  const onTurns = ({ turns }: { readonly turns?: number }): void => {
    if (turns === undefined) return;
    inTurn(async () => {
      const samples: number[] = [];
      for (let done = 0; done < turns; done += 1) {
        turn += 1;
        const begin = nowMs();
        const call = { index: 0, callId: `call-${turn}`, tool: 'write' } as const;
        await record(turnEntry(turn, { calls: [{ ...call, class: 'repeatable' }] }));
        await record({
          type: 'tool',
          thread: '',
          turn,
          ...call,
          result: { inline: said },
          isError: false,
          durationMs: 0,
        });
        samples.push(nowMs() - begin);
      }
      process.send?.({ type: 'turns', samples });
    });
  };
  process.on('message', onTurns);
  process.send?.({ type: 'running', running: 1, at: nowMs() });
  await until;
  await last;
  stop();
  process.off('message', onTurns);
  return resultOf(offer, { text: { inline: 'done' } });
};

const runner: TaskRunner = {
  run: { instant, pause, hold, agent }[behaviour],
  held: () => [],
  onEvicted: () => undefined,
  close: () => Promise.resolve(),
};

const log = createPinoLog({ level: 'error' });
const random = createSystemRandom();
const meter = createPrometheusMeter();
const open = (one: string) => createGrpcGateway({ address: one, log });
const gatewayTo = (addresses: readonly string[]) =>
  addresses.length > 1 ? createManyCoordinators(addresses, open, random) : open(addresses[0] ?? '');
const join = (): void => {
  const workerId = createIdSource().next('wrk');
  createWorkerEndpoint(
    {
      gateway: gatewayTo(address.split(',')),
      runner,
      clock: createSystemClock(),
      random,
      log,
      meter,
    },
    {
      credentials: { token },
      info: {
        workerId,
        incarnation: workerId,
        labels,
        slots,
        kinds,
        isolation: 'none',
        snapshotFormats: [1],
        version: 'bench',
        hostname: 'localhost',
        pid: process.pid,
      },
    },
  ).start();
};
process.on('message', (message: { readonly type?: string }) => {
  if (message.type === 'release') letGo();
});
if (joinEveryMs === 0) for (let index = 0; index < workers; index += 1) join();
process.send?.({ type: 'up' });
process.on('SIGTERM', () => process.exit(0));
if (joinEveryMs > 0)
  for (let index = 0; index < workers; index += 1) {
    join();
    await sleep(joinEveryMs);
  }
