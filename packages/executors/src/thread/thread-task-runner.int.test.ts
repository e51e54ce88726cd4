import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type AgentMessage, DomainError, type TaskOffer } from '@skein/domain';
import type { TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import { createMemoryLog } from '@skein/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createThreadTaskRunner, type ThreadTaskRunnerOptions } from './thread-task-runner.ts';

const marker = `thread-tests-${process.pid}`;
const entry = new URL('../../test/test-thread.ts', import.meta.url);

let runner: TaskRunner;
const start = (options: Partial<ThreadTaskRunnerOptions> = {}): void => {
  runner = createThreadTaskRunner({ entry, data: marker, log: createMemoryLog(), launchMarker: marker, ...options });
};

beforeEach(() => start());
afterEach(async () => {
  await runner.close();
  await expect.poll(leftBehind).toEqual([]); // what is killed is gone once it gets its turn
});

const leftBehind = (): readonly string[] =>
  readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(`SKEIN_LAUNCH=${marker}`);
    } catch {
      return false;
    }
  });

/** Gone, or a zombie: who would reap it died with its thread. */
const isGone = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/stat`) || / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));

let tokens = 0;
const offer = (...argv: readonly string[]): TaskOffer => {
  tokens += 1;
  return {
    tenant: 'default',
    runId: 'run_1',
    step: `step${tokens}`,
    stepId: `step${tokens}`,
    attempt: 1,
    token: tokens,
    dagName: 'test',
    definition: {
      id: 'work',
      depends: [],
      action: { kind: 'exec', argv },
      env: [],
      outputs: [],
      preconditions: [],
      continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
      workerSelector: {},
      onWorkerLoss: 'retry',
      repeatSafe: false,
    },
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 6_000,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
};

const quietSink: TaskSink = { started: () => undefined, log: () => undefined };
const noTransfers: TaskTransfers = {
  fetchSnapshot: () => Promise.reject(new DomainError('not_found', 'none')),
  fetchPart: () => Promise.reject(new DomainError('not_found', 'none')),
  fetchBlob: () => Promise.reject(new DomainError('not_found', 'none')),
  readSecret: () => Promise.reject(new DomainError('permission_denied', 'none')),
  storeBlob: () => Promise.reject(new DomainError('not_found', 'none')),
  checkpoint: () => Promise.reject(new DomainError('stale_fencing_token', 'none')),
  onMessage: () => () => undefined,
  presented: () => undefined,
};
const never = new AbortController().signal;
const run = (task: TaskOffer, options: { sink?: TaskSink; transfers?: TaskTransfers; signal?: AbortSignal } = {}) =>
  runner.run(task, options.sink ?? quietSink, options.transfers ?? noTransfers, options.signal ?? never);

test('a transfer that is asked for after its task ended is refused, so that nobody waits for it', async () => {
  expect((await run(offer('late', 'sha256:p'))).outcome).toEqual({ status: 'succeeded' });
  expect((await run(offer('await late'))).outcome).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
});

test('a step that blocks its thread for 5 s does not hold up the heartbeats of this one', async () => {
  await run(offer('noop'));
  let beats = 0;
  const beat = setInterval(() => (beats += 1), 50);
  // A loop that is blocked has one of them at most, an idle one a hundred; up to three times, for the machine may stand still for as long.
  for (let round = 0; round < 3 && beats < 10; round += 1) {
    beats = 0;
    expect((await run(offer('block', '5000'))).outcome).toEqual({ status: 'succeeded' });
  }
  clearInterval(beat);
  expect(beats).toBeGreaterThanOrEqual(10);
});

test('carries started, logs and what the cache holds across the threads', async () => {
  const seen: string[] = [];
  const controller = new AbortController();
  const task = offer('spawn', 'a');
  const ended = run(task, {
    signal: controller.signal,
    sink: {
      started: () => seen.push('started'),
      log: (bytes) => {
        seen.push(Buffer.from(bytes).toString().trim());
        controller.abort(new DomainError('cancelled', 'enough'));
      },
    },
  });
  expect((await ended).outcome).toEqual({ status: 'cancelled' });
  expect(seen).toEqual(['started', expect.stringMatching(/^\d+$/)]);
  expect(runner.held()).toContain(`sha256:${task.step}`);
});

test('carries transfers and their errors across the threads', async () => {
  const transfers: TaskTransfers = {
    ...noTransfers,
    fetchBlob: async (digest) => Buffer.from(`bytes of ${digest}`),
    storeBlob: async (bytes) => `stored ${Buffer.from(bytes).toString()}`,
  };
  expect((await run(offer('transfer', 'd1'), { transfers })).outcome).toMatchObject({
    error: { message: 'stored bytes of d1' },
  });
  await expect(run(offer('transfer', 'd1'))).rejects.toMatchObject({ code: 'not_found' });
  await expect(run(offer('throw'))).rejects.toMatchObject({ code: 'too_large', details: { limit: 1 } });
});

test('carries parts and secrets across the threads, and no value of a secret into a log', async () => {
  await runner.close();
  const log = createMemoryLog();
  start({ log });
  const canary = 'canary-thread-51c9';
  const transfers: TaskTransfers = {
    ...noTransfers,
    fetchPart: async (snapshot, part) => Buffer.from(`${snapshot} ${part}`),
    readSecret: async (secret) => `${canary} of ${secret}`,
  };
  expect((await run(offer('part', 'sha256:p'), { transfers })).outcome).toMatchObject({
    error: { message: `${'sha256:s sha256:p'.length} bytes` },
  });
  expect((await run(offer('secret', 'KEY'), { transfers })).outcome).toMatchObject({
    error: { message: `${`${canary} of KEY`.length} characters` },
  });
  await expect(run(offer('secret', 'KEY'))).rejects.toMatchObject({ code: 'permission_denied' });
  expect(inspect(log.lines, { depth: null })).not.toContain(canary);
});

test('carries checkpoints across the threads, and what became of them', async () => {
  const made: unknown[] = [];
  const transfers: TaskTransfers = {
    ...noTransfers,
    checkpoint: async (index, entries) => void made.push({ index, entries }),
  };
  expect((await run(offer('checkpoint', 'hi'), { transfers })).outcome).toEqual({ status: 'succeeded' });
  expect(made).toEqual([{ index: 3, entries: [{ type: 'reply', number: 1, text: 'hi' }] }]);
  await expect(run(offer('checkpoint', 'hi'))).rejects.toMatchObject({ code: 'stale_fencing_token' });
});

test('carries messages across the threads, those from before the task listened too, until it ends', async () => {
  const message = (number: number): AgentMessage => ({
    messageId: `m${number}`,
    number,
    sender: 's',
    mode: 'next_turn',
    text: '',
    at: 0,
  });
  const presented: unknown[] = [];
  let deliver: (given: AgentMessage) => void = () => undefined;
  let stopped = 0;
  const transfers: TaskTransfers = {
    ...noTransfers,
    onMessage: (listener) => {
      deliver = listener;
      listener(message(1));
      return () => void (stopped += 1);
    },
    presented: (numbers, turn) => void presented.push([numbers, turn]),
  };
  const sink: TaskSink = { ...quietSink, log: () => deliver(message(2)) };
  const { outcome } = await run(offer('messages', '2'), { transfers, sink });
  expect(outcome).toMatchObject({ error: { message: '[[1,2],[1,2]]' } });
  expect(presented).toEqual([
    [[1], 1],
    [[2], 2],
  ]);
  expect(stopped).toBe(1);
});

test('tells of digests that came and left within one task', async () => {
  const evicted: string[] = [];
  runner.onEvicted((digests) => evicted.push(...digests));
  await run(offer('pass', 'sha256:passing'));
  expect(evicted).toEqual(['sha256:passing']);
});

test('forwards the reason of an abort', async () => {
  const controller = new AbortController();
  const ended = run(offer('wait'), {
    signal: controller.signal,
    sink: { ...quietSink, started: () => controller.abort(new DomainError('cancelled', 'by hand')) },
  });
  expect((await ended).outcome).toMatchObject({ error: { message: 'by hand' } });
});

test('a thread that dies fails its tasks, leaves no process, forgets its cache and is replaced', async () => {
  const evicted: string[] = [];
  runner.onEvicted((digests) => evicted.push(...digests));
  const first = offer('noop');
  await run(first);
  let pid = 0;
  const log = (bytes: Uint8Array): void => {
    pid = Number(Buffer.from(bytes).toString());
  };
  const spawned = run(offer('spawn', 'b'), { sink: { ...quietSink, log } });
  await vi.waitUntil(() => pid > 1, { timeout: 20_000 });
  const crashed = await run(offer('crash'));
  expect(crashed.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'internal', details: { reason: 'executor_thread_lost' } },
  });
  expect((await spawned).outcome).toMatchObject({ status: 'failed', error: { code: 'internal' } });
  await vi.waitUntil(() => leftBehind().length === 0 && isGone(pid), { timeout: 20_000 });
  expect(evicted).toContain(`sha256:${first.step}`);
  expect((await run(offer('noop'))).outcome).toEqual({ status: 'succeeded' });
});

test('a crash is logged by its kind and place, without the words of the error, which may quote what a task had in hand', async () => {
  await runner.close();
  const log = createMemoryLog();
  start({ log });
  await run(offer('crash'));
  const crash = log.lines.find(({ message }) => message === 'the executor thread crashed');
  expect(JSON.stringify(crash)).toContain('test-thread.ts');
  expect(JSON.stringify(crash)).not.toContain('on purpose');
});

test('a thread that ignores an abort is ended', async () => {
  await runner.close();
  start({ abortGraceMs: 200 });
  const controller = new AbortController();
  const ended = run(offer('block', '60000'), { signal: controller.signal });
  controller.abort(new DomainError('cancelled', 'stop'));
  expect((await ended).outcome).toMatchObject({ error: { details: { reason: 'executor_thread_lost' } } });
  expect((await run(offer('noop'))).outcome).toEqual({ status: 'succeeded' });
});

test('a thread that is ended for one task hands back what has not begun, and gives up what has, without a failure of either', async () => {
  await runner.close();
  start({ abortGraceMs: 200 });
  const controller = new AbortController();
  let begun = 0;
  const sink = { ...quietSink, started: () => (begun += 1) };
  const innocent = run(offer('wait'), { sink });
  await vi.waitUntil(() => begun === 1, { timeout: 30_000 });
  const stuck = run(offer('block', '60000'), { sink, signal: controller.signal });
  await vi.waitUntil(() => begun === 2, { timeout: 30_000 });
  const waiting = run(offer('noop'), { sink });
  controller.abort(new DomainError('cancelled', 'stop'));
  expect((await stuck).outcome).toMatchObject({ status: 'failed', error: { code: 'internal' } });
  expect((await innocent).outcome).toMatchObject({ status: 'failed', error: { code: 'stale_fencing_token' } });
  expect((await waiting).outcome).toMatchObject({ status: 'released', error: { code: 'unavailable' } });
});

test('a thread has its time to end a task also when this one stood still meanwhile', async () => {
  await runner.close();
  start({ abortGraceMs: 2_000 });
  await run(offer('noop'));
  const controller = new AbortController();
  const slow = run(offer('slow end', '3000'), {
    signal: controller.signal,
    sink: { ...quietSink, started: () => controller.abort(new DomainError('cancelled', 'stop')) },
  });
  await vi.waitUntil(() => controller.signal.aborted, { timeout: 30_000 });
  const until = performance.now() + 2_600;
  while (performance.now() < until);
  expect((await slow).outcome).toEqual({ status: 'cancelled' });
});

test('a round trip to a warm thread costs little', async () => {
  for (let count = 0; count < 200; count += 1) await run(offer('noop'));
  const bare = new Worker(
    `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m))`,
    {
      eval: true,
    },
  );
  const echo = async (): Promise<void> => {
    const answered = once(bare, 'message');
    bare.postMessage('noop');
    await answered;
  };
  for (let count = 0; count < 200; count += 1) await echo();
  const [times, bareTimes]: [number[], number[]] = [[], []];
  const timed = async (into: number[], work: () => Promise<unknown>): Promise<void> => {
    const from = performance.now();
    await work();
    into.push(performance.now() - from);
  };
  // By turns, so that both have the same machine.
  for (let count = 0; count < 1_000; count += 1) {
    await timed(times, () => run(offer('noop')));
    await timed(bareTimes, echo);
  }
  await bare.terminate();
  const at = (list: number[], share: number): number =>
    list.sort((left, right) => left - right)[list.length * share] ?? 0;
  const [p10, p50, p95] = [0.1, 0.5, 0.95].map((share) => at(times, share).toFixed(3));
  const [bare10, bare50] = [0.1, 0.5].map((share) => at(bareTimes, share).toFixed(3));
  console.info(
    `thread round trip: p10 ${p10} ms, p50 ${p50} ms, p95 ${p95} ms; of a bare message: p10 ${bare10} ms, p50 ${bare50} ms; n 1000`,
  );
  expect(at(times, 0.1)).toBeLessThan(Math.max(5, 20 * at(bareTimes, 0.1)));
});
