import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Coordinator, createCoordinator } from '@skein/coordinator';
import { defaultTenant } from '@skein/domain';
import { createExpressions } from '@skein/language';
import type { RunQueue, StreamLink, WorkerMessage } from '@skein/ports';
import { openBullmqQueue } from '@skein/queue-bullmq';
import { openSqlStores, type SqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { AwakeTime, createMemoryGateway, createMemoryLog, dagOf, type LoggedLine, stepOf } from '@skein/testkit';

const joinToken = 'skt_join';
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const one = dagOf([stepOf('only')], { name: 'one' });

/** What became of the hints. */
export interface HintCounts {
  published: number;
  claimed: number;
}

/** A coordinator in this process on embedded stores, whose queue is on a real Redis, and a worker that ends every step at once. */
export class RedisQueueWorld {
  readonly hints: HintCounts = { published: 0, claimed: 0 };
  readonly lines: LoggedLine[] = [];
  /** When the worker ended each run, in ms for which this process was awake. */
  readonly finishedAt = new Map<string, number>();
  /** Called after hints were published and before they are claimed. */
  onPublished: () => void = () => undefined;
  coordinator!: Coordinator;
  #stores!: SqlStores;
  #queue!: RunQueue;
  #folder = '';
  #link: StreamLink<WorkerMessage> | undefined;
  #beats: NodeJS.Timeout | undefined;
  readonly #awake = new AwakeTime();

  /** `window`: runs that are open at once. */
  async open(url: string, window: number): Promise<this> {
    const clock = createSystemClock();
    const ids = createIdSource();
    const hasher = createHasher();
    const log = createMemoryLog(this.lines);
    this.#folder = await mkdtemp(join(tmpdir(), 'skein-redis-queue-'));
    this.#stores = await openSqlStores({ dataDir: this.#folder, log, clock, ids, hasher });
    this.#queue = await openBullmqQueue({ url, log, meter, clock, ids, deadlineMs: 500, probeMs: 100 });
    const hash = hasher.digest(joinToken);
    const token = { tokenId: 'tok_join', tenant: defaultTenant, name: 'join', hash, createdAt: 0 };
    await this.#stores.tokens.insert({ ...token, kind: 'join' });
    await this.#stores.projects.publish({
      tenant: defaultTenant,
      dags: [{ name: one.name, digest: hasher.digest(JSON.stringify(one)), dag: one }],
      subDags: [],
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      at: 0,
    });
    this.coordinator = createCoordinator(
      {
        ...this.#stores,
        queue: this.#watched(this.#queue),
        clock,
        ids,
        hasher,
        secrets: createSecrets(),
        log,
        meter,
        expressions: createExpressions(),
        projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
      },
      { coordinatorId: 'coordinator', minWindow: window },
    );
    await this.coordinator.start();
    return this;
  }

  /** A worker with so many slots joins, and with it the window grows to twice as many. */
  join(slots: number): void {
    let seen = 0;
    const send = (message: WorkerMessage): void => this.#link?.send(message);
    const gateway = createMemoryGateway(this.coordinator.gateway, createSystemClock());
    this.#link = gateway.openWorkerStream(
      { token: joinToken },
      {
        onMessage: (message) => {
          if (message.type === 'welcome') send({ type: 'credits', free: slots, offersSeen: 0 });
          if (message.type !== 'offer') return;
          seen += 1;
          const { runId, step, attempt, token } = message.offer;
          const task = { runId, step, attempt, token };
          send({ type: 'received', task });
          send({ type: 'started', task });
          send({
            type: 'result',
            result: { ...task, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1, exitCode: 0 },
          });
          send({ type: 'credits', free: slots, offersSeen: seen });
          this.finishedAt.set(runId, this.#awake.ms);
        },
        onClosed: () => undefined,
      },
    );
    send({
      type: 'hello',
      protocol: { min: 1, max: 1 },
      worker: {
        workerId: 'wrk_1',
        incarnation: 'lch_1',
        labels: {},
        slots,
        kinds: ['noop'],
        isolation: 'none',
        snapshotFormats: [1],
        version: '0.0.0',
        hostname: 'host',
        pid: 1,
      },
      held: [],
      running: [],
      unacknowledged: [],
    });
    this.#beats = setInterval(() => send({ type: 'heartbeat', sentAtMs: Date.now(), running: 0 }), 300);
  }

  async submit(runs: number): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let at = 0; at < runs; at += 50) {
      const batch = Array.from({ length: Math.min(50, runs - at) }, () =>
        this.coordinator.submitRun(defaultTenant, { dag: 'one' }),
      );
      ids.push(...(await Promise.all(batch)).map(({ run }) => run.runId));
    }
    return ids;
  }

  /** Statuses of runs, counted. */
  async statuses(runIds: readonly string[]): Promise<{ readonly [status: string]: number }> {
    const counts: { [status: string]: number } = {};
    for (const runId of runIds) {
      const { status } = await this.coordinator.getRun(defaultTenant, runId);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  /** The longest time in which the worker ended no run, from its first to its last, in ms for which this process was awake. */
  longestPause(): number {
    const times = [...this.finishedAt.values()].sort((a, b) => a - b);
    return times.reduce((longest, time, at) => Math.max(longest, time - (times[at - 1] ?? time)), 0);
  }

  async close(): Promise<void> {
    this.#awake.stop();
    clearInterval(this.#beats);
    this.#link?.close();
    await this.coordinator.stop();
    await this.#queue.close();
    await this.#stores.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #watched(queue: RunQueue): RunQueue {
    return {
      publish: async (hints) => {
        await queue.publish(hints);
        this.hints.published += hints.length;
        this.onPublished();
      },
      claim: async (limit, visibilityMs) => {
        const claimed = await queue.claim(limit, visibilityMs);
        this.hints.claimed += claimed.length;
        return claimed;
      },
      done: (claims) => queue.done(claims),
      release: (claims) => queue.release(claims),
      onAvailable: (wake) => queue.onAvailable(wake),
      size: () => queue.size(),
      status: () => queue.status?.() ?? { up: true, failures: 0, durability: 'unknown' },
      close: () => queue.close(),
    };
  }
}
