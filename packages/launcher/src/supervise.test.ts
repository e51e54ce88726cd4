import { DomainError } from '@skein/domain';
import type { ExitReport, JoinCredentials, LaunchedProcess, ProcessExit } from '@skein/ports';
import { createMemoryLog, createSeededRandom, createSequenceIds, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { superviseProcess } from './supervise-process.ts';
import { superviseWorker } from './supervise-worker.ts';

class FakeProcess implements LaunchedProcess {
  readonly signals: string[] = [];
  readonly exited: Promise<ProcessExit>;
  readonly pid: number;
  readonly #obeys: boolean;
  end: (exit: ProcessExit) => void = () => undefined;

  constructor(pid: number, obeys = true) {
    this.pid = pid;
    this.#obeys = obeys;
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.signals.push(signal);
    if (signal === 'SIGKILL' || this.#obeys) this.end({ signal });
  }
}

const policy = { baseMs: 100, factor: 2, maxMs: 1_000, healthyAfterMs: 30_000 };
const latestRandom = { next: () => 1, integer: () => 0, fork: () => latestRandom };

const supervise = (obeys = true) => {
  const clock = new FakeClock();
  const processes: FakeProcess[] = [];
  const launch = (): LaunchedProcess => {
    const started = new FakeProcess(100 + processes.length, obeys);
    processes.push(started);
    return started;
  };
  const log = createMemoryLog();
  const shared = { name: 'worker-1', clock, random: latestRandom, log, policy, drainMs: 5_000 };
  return { clock, processes, launch, log, shared };
};

test('starts a process again, ever slower while it keeps dying', async () => {
  const { clock, launch, processes, shared } = supervise();
  const supervisor = superviseProcess({ ...shared, launch });
  const delays: number[] = [];
  for (let round = 0; round < 5; round++) {
    processes.at(-1)?.end({ exitCode: 1 });
    const before = clock.monotonicMs();
    await clock.advanceUntil(() => processes.length === round + 2);
    delays.push(clock.monotonicMs() - before);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1_000]);
  expect(supervisor.starts).toBe(6);
  await supervisor.stop();
});

test('forgets failures after 30 s of health', async () => {
  const { clock, launch, processes, shared } = supervise();
  const supervisor = superviseProcess({ ...shared, launch });
  for (let round = 0; round < 4; round++) {
    processes.at(-1)?.end({ exitCode: 1 });
    await clock.advanceUntil(() => processes.length === round + 2);
  }
  await clock.advance(30_000);
  processes.at(-1)?.end({ signal: 'SIGKILL' });
  await clock.advance(100);
  expect(processes.length).toBe(6);
  await supervisor.stop();
});

test('takes a start that throws for an immediate end, and reports it', async () => {
  const { clock, shared } = supervise();
  let attempts = 0;
  const exits: unknown[] = [];
  const supervisor = superviseProcess({
    ...shared,
    launch: () => {
      attempts++;
      throw new Error('no such program');
    },
    onExit: (exit) => exits.push(exit),
  });
  await clock.advanceUntil(() => attempts === 4);
  await supervisor.stop();
  expect(exits).toEqual(Array.from({ length: attempts }, () => ({ exitCode: 127 })));
  expect(clock.pending).toBe(0);
});

test('stops by SIGTERM, and starts nothing any more', async () => {
  const { clock, launch, processes, shared } = supervise();
  const supervisor = superviseProcess({ ...shared, launch });
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  await clock.advance(60_000);
  expect(processes.map(({ signals }) => signals)).toEqual([['SIGTERM']]);
  expect(supervisor.pid).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('kills a process that does not drain in time', async () => {
  const { clock, launch, processes, shared } = supervise(false);
  const supervisor = superviseProcess({ ...shared, launch });
  const stopped = supervisor.stop();
  await clock.advance(4_999);
  expect(processes[0]?.signals).toEqual(['SIGTERM']);
  await clock.advance(1);
  expect(processes[0]?.signals).toEqual(['SIGTERM', 'SIGKILL']);
  await stopped;
});

test('stops during a backoff without waiting for it', async () => {
  const { clock, launch, processes, shared } = supervise();
  const supervisor = superviseProcess({ ...shared, launch });
  processes[0]?.end({ exitCode: 1 });
  await clock.settle();
  await supervisor.stop();
  expect([processes.length, clock.pending]).toEqual([1, 0]);
});

const superviseReporting = (answer: (attempt: number) => Promise<void>) => {
  const base = supervise();
  const incarnations: string[] = [];
  const reports: ExitReport[] = [];
  const reportExit = async (_credentials: JoinCredentials, report: ExitReport): Promise<void> => {
    reports.push(report);
    await answer(reports.length);
  };
  const supervisor = superviseWorker({
    ...base.shared,
    random: createSeededRandom(1),
    ids: createSequenceIds(),
    credentials: { token: 't' },
    gateway: { reportExit },
    launch: (incarnation) => {
      incarnations.push(incarnation);
      return base.launch();
    },
  });
  return { ...base, supervisor, incarnations, reports };
};

test('reports the exit of each incarnation, and starts the next under a new one', async () => {
  const { clock, incarnations, processes, reports, supervisor } = superviseReporting(async () => undefined);
  processes[0]?.end({ signal: 'SIGKILL' });
  await clock.advanceUntil(() => processes.length === 2);
  processes[1]?.end({ exitCode: 3 });
  await clock.advanceUntil(() => processes.length === 3);
  expect(new Set(incarnations).size).toBe(3);
  expect(reports).toEqual([
    { incarnation: incarnations[0], signal: 'SIGKILL' },
    { incarnation: incarnations[1], exitCode: 3 },
  ]);
  await supervisor.stop();
  expect(reports.at(-1)).toEqual({ incarnation: incarnations[2], signal: 'SIGTERM' });
});

test('repeats a report until it is accepted, and restarts meanwhile', async () => {
  const { clock, processes, reports, supervisor } = superviseReporting(async (attempt) => {
    if (attempt < 6) throw new DomainError('unavailable', 'down');
  });
  processes[0]?.end({ signal: 'SIGKILL' });
  await clock.advanceUntil(() => processes.length === 2);
  expect(reports.length).toBeLessThan(6);
  await clock.advance(20_000);
  expect(reports.length).toBe(6);
  await supervisor.stop();
});

test('does not repeat a report that can never be accepted', async () => {
  const { clock, processes, reports, supervisor } = superviseReporting(async () => {
    throw new DomainError('invalid_argument', 'what?');
  });
  processes[0]?.end({ signal: 'SIGKILL' });
  await clock.advance(20_000);
  expect(reports.length).toBe(1);
  await supervisor.stop();
});

test('a stop gives up reports that hang or fail after its patience', async () => {
  const { clock, supervisor } = superviseReporting(() => new Promise(() => undefined));
  let stopped = false;
  const stop = supervisor.stop().then(() => {
    stopped = true;
  });
  await clock.advance(1_999);
  expect(stopped).toBe(false);
  await clock.advance(1);
  await stop;
  expect(clock.pending).toBe(0);
});
