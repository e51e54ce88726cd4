import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

/** Milliseconds on a clock that all processes of this machine share (CLOCK_MONOTONIC). */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The value below which a share `p` of the samples lies. */
export const percentile = (samples: readonly number[], p: number): number => {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
};

/** The middle sample. */
export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** Three significant digits. */
export const round3 = (value: number): number =>
  Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));

/** Runs `once` n times, one after the other, and gives the milliseconds of each. */
export const latencies = async (n: number, once: (index: number) => Promise<unknown>): Promise<number[]> => {
  const samples: number[] = [];
  for (let index = 0; index < n; index += 1) {
    const start = nowMs();
    await once(index);
    samples.push(nowMs() - start);
  }
  return samples;
};

/** Calls per second of n calls with `inFlight` of them open at any time. */
export const throughput = async (
  n: number,
  inFlight: number,
  once: (index: number) => Promise<unknown>,
): Promise<number> => {
  const start = nowMs();
  let next = 0;
  const lane = async () => {
    while (next < n) {
      next += 1;
      await once(next);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, n) }, lane));
  return (n / (nowMs() - start)) * 1000;
};

/** The median of `times` measurements. */
export const medianOf = async (times: number, measure: () => Promise<number>): Promise<number> => {
  const samples: number[] = [];
  for (let index = 0; index < times; index += 1) samples.push(await measure());
  return median(samples);
};

/** A child Node process of the bench that talks over IPC. */
export interface BenchProcess {
  readonly child: ChildProcess;
  send(message: object): void;
  /** The next message of this type. */
  next<T extends { readonly type: string }>(type: T['type']): Promise<T>;
  stop(): Promise<void>;
}

/** Starts a TypeScript file of the bench as its own process and waits for its `up`. */
export const startProcess = async (
  file: URL,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<BenchProcess> => {
  const child = spawn(process.execPath, [...process.execArgv, file.pathname, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  });
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const benchProcess: BenchProcess = {
    child,
    send: (message) => void child.send(message),
    next: (type) =>
      new Promise((resolve, reject) => {
        const onMessage = (message: unknown) => {
          if (typeof message !== 'object' || message === null || (message as { type?: unknown }).type !== type) return;
          child.off('message', onMessage);
          resolve(message as never);
        };
        child.on('message', onMessage);
        void exited.then(() => reject(new Error(`${file.pathname} ended before it said ${type}`)));
      }),
    stop: async () => {
      process.off('exit', killWithParent);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(force);
    },
  };
  await benchProcess.next('up');
  return benchProcess;
};
