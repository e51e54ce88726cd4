import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TaskOffer, TaskResult } from '@skein/domain';
import { createGrpcGateway, serveGateway } from '@skein/grpc';
import type { CoordinatorGateway, CoordinatorMessage, StreamLink, WorkerMessage } from '@skein/ports';
import { sampleHello, sampleOffer, sampleResult } from '@skein/testkit';
import { Raw, serveRaw } from './grpc-raw.ts';

/**
 * The worker protocol beside raw grpc-js in the same run: coordinator and worker in processes of their own on loopback.
 * An exchange is an offer out and a result back (ours), or 100 bytes out and back (raw).
 *   npx tsx --conditions skein-source bench/grpc.ts
 */

const windows = [1, 16, 64, 256] as const;
const rounds = 3;

if (process.argv[2] === 'worker') await beWorker(process.argv[3] as string, process.argv[4] as string);
else await beCoordinator();

/** The worker's process: answers every offer at once, and echoes raw messages. */
async function beWorker(address: string, rawAddress: string): Promise<void> {
  const gateway = createGrpcGateway({ address });
  const link: StreamLink<WorkerMessage> = gateway.openWorkerStream(
    { token: 'bench' },
    {
      onMessage: (message) => {
        if (message.type === 'offer') link.send({ type: 'result', result: resultOf(message.offer) });
        else if (message.type === 'heartbeat_answer')
          link.send({ type: 'heartbeat', sentAtMs: message.sentAtMs, running: 0 });
      },
      onClosed: () => process.exit(0),
    },
  );
  link.send(sampleHello());
  new Raw(rawAddress).echo();
}

function resultOf(offer: TaskOffer): TaskResult {
  return { ...sampleResult(), runId: offer.runId, step: offer.step, attempt: offer.attempt, token: offer.token };
}

async function beCoordinator(): Promise<void> {
  const silent = () => undefined;
  const log = { debug: silent, info: silent, warn: console.warn, error: console.error, child: () => log };
  const meter = { count: silent, gauge: silent, observe: silent };
  let send: (message: CoordinatorMessage) => void = silent;
  let arrived: (token: number) => void = silent;
  let joined: () => void = silent;
  const ready = new Promise<void>((resolve) => {
    joined = resolve;
  });
  const gateway = {
    openWorkerStream: (_credentials, listener) => {
      send = (message) => listener.onMessage(message);
      return {
        send: (message) => {
          if (message.type === 'hello') joined();
          else if (message.type === 'result') arrived(message.result.token);
          else if (message.type === 'heartbeat') arrived(message.sentAtMs);
        },
        close: silent,
      };
    },
  } as Partial<CoordinatorGateway> as CoordinatorGateway;
  const served = await serveGateway({ gateway, address: '127.0.0.1:0', log, meter });
  const raw = await serveRaw('127.0.0.1:0');
  const worker = fork(fileURLToPath(import.meta.url), ['worker', served.address, raw.address]);
  await Promise.all([ready, raw.joined]);

  const base = sampleOffer();
  const ours = echo(
    (id) => send({ type: 'offer', offer: { ...base, token: id } }),
    (done) => {
      arrived = done;
    },
  );
  const small = echo(
    (id) => send({ type: 'heartbeat_answer', sentAtMs: id }),
    (done) => {
      arrived = done;
    },
  );
  const bare = echo(
    (id) => raw.send(id),
    (done) => raw.onMessage(done),
  );
  console.log(
    'exchanges/s (median of 3), p50 and p99 in ms. offer: a whole offer out, its result back; beat: our smallest message' +
      ' both ways; raw: 100 bytes both ways on grpc-js without a codec. The percentages are of raw.',
  );
  for (const window of windows) {
    const count = window === 1 ? 3_000 : 20_000;
    const offers = await median(() => ours(window, count));
    const beats = await median(() => small(window, count));
    const theirs = await median(() => bare(window, count));
    const share = (figure: Figure): string => `${((100 * figure.perSecond) / theirs.perSecond).toFixed(0)} %`;
    console.log(
      `window ${String(window).padStart(3)}  offer ${show(offers)} (${share(offers)})  beat ${show(beats)} (${share(beats)})  raw ${show(theirs)}`,
    );
  }
  await stop(worker);
  await served.close(0);
  raw.close();
}

interface Figure {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Keeps `window` exchanges under way until `count` are done. */
function echo(send: (id: number) => void, onArrival: (arrived: (id: number) => void) => void) {
  return (window: number, count: number): Promise<Figure> =>
    new Promise((resolve) => {
      const sentAt = new Float64Array(count + 1);
      const times = new Float64Array(count);
      let sent = 0;
      let done = 0;
      const next = (): void => {
        sent++;
        sentAt[sent] = performance.now();
        send(sent);
      };
      const startedAt = performance.now();
      onArrival((id) => {
        const now = performance.now();
        times[done++] = now - (sentAt[id] as number);
        if (done === count) {
          times.sort();
          resolve({
            perSecond: (1000 * count) / (now - startedAt),
            p50: times[Math.floor(count * 0.5)] as number,
            p99: times[Math.floor(count * 0.99)] as number,
          });
        } else if (sent < count) next();
      });
      for (let index = 0; index < window; index++) next();
    });
}

async function median(run: () => Promise<Figure>): Promise<Figure> {
  await run();
  const figures: Figure[] = [];
  for (let round = 0; round < rounds; round++) figures.push(await run());
  return figures.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(rounds / 2)] as Figure;
}

function show({ perSecond, p50, p99 }: Figure): string {
  return `${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50.toFixed(3)}  p99 ${p99.toFixed(3)}`;
}

function stop(worker: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => resolve());
    worker.kill('SIGKILL');
  });
}
