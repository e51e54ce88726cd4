import type { RunHint } from '@skein/ports';
import { createRedisBackend, type JobJson, type JobsOptions, type RedisQueueBackend } from 'bullmq';
import { type BatchScripts, defineBatchScripts, removeKeys, takeKeys } from './batch-scripts.ts';
import { hintOf, jobIdOf, jobName, jobPriorityOf } from './hint-job.ts';
import type { RedisClient } from './redis-client.ts';

/** The queue's name within its prefix. */
export const queueName = 'runs';

/** Events are for people who look at the queue with BullMQ's tools; nothing here reads them. */
const keptEvents = 1_000;

/** Jobs that one command moves: more would keep Redis from others for long. */
export const maxBatch = 128;

/** What the jobs live in. Times in ms. */
export interface HintJobsDeps {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly lockMs: number;
  readonly stalledMs: number;
}

/** A job that is locked for a claim; `hint` is absent when it is none of ours. */
export interface LockedJob {
  readonly id: string;
  readonly hint?: RunHint;
}

const entryOf = (hint: RunHint, timestamp: number): { readonly job: JobJson; readonly jobId: string } => {
  const { tenant, runId, shard, priority, seq } = hint;
  const id = jobIdOf(hint);
  const opts: JobsOptions = { priority: jobPriorityOf(priority), removeOnComplete: true, removeOnFail: true };
  const job: JobJson = {
    id,
    name: jobName,
    data: JSON.stringify({ tenant, runId, shard, priority, seq }),
    opts,
    timestamp,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    failedReason: '',
    returnvalue: '',
    stalledCounter: 0,
  };
  return { job, jobId: id };
};

const parsed = (data: string): unknown => {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
};

/** The scripts' word for a job that is no longer ours: its lock lapsed, it is gone, or somebody else has it. */
const isNoLongerOurs = (thrown: unknown): boolean => {
  const { code } = thrown as { readonly code?: unknown };
  return typeof code === 'number' && code < 0;
};

/**
 * The moves of BullMQ's jobs that the queue makes, in batches: BullMQ's backend without the worker that would push jobs. Each throws what
 * the client throws.
 */
export class HintJobs {
  readonly #client: RedisClient;
  readonly #backend: RedisQueueBackend;
  #batches: BatchScripts | undefined;

  constructor({ client, prefix, lockMs, stalledMs }: HintJobsDeps) {
    this.#client = client;
    const options = {
      connection: client,
      prefix,
      skipVersionCheck: true,
      lockDuration: lockMs,
      stalledInterval: stalledMs,
      // A hint may come back as often as its holders die.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    };
    this.#backend = createRedisBackend(queueName, options, {}) as RedisQueueBackend;
    this.#backend.on('error', () => undefined);
  }

  async prepare(): Promise<void> {
    await this.#backend.waitUntilReady();
    this.#batches = defineBatchScripts(this.#client);
    await this.touch();
  }

  /** Writes what BullMQ should know of the queue. */
  async touch(): Promise<void> {
    await this.#backend.setQueueMeta({ 'opts.maxLenEvents': keptEvents });
  }

  /** The client stays open. */
  async close(): Promise<void> {
    await this.#backend.close(true).catch(() => undefined);
  }

  /** A job that is there already, waiting or locked, stays as it is. */
  async add(hints: readonly RunHint[], now: number): Promise<void> {
    await this.#backend.addJobs(hints.map((hint) => entryOf(hint, now)));
  }

  /** Locks the next jobs in the queue's order for `lockMs`, at most `count`. */
  async take(count: number, token: string, lockMs: number, now: number): Promise<readonly LockedJob[]> {
    const { take } = this.#scripts();
    const answer = await take([...this.#keysOf(takeKeys), this.#backend.toKey(''), now, token, lockMs, count]);
    const jobs: LockedJob[] = [];
    for (let at = 0; at + 1 < answer.length; at += 2) {
      const hint = hintOf(parsed(answer[at + 1] ?? ''));
      const id = answer[at] ?? '';
      jobs.push(hint === undefined ? { id } : { id, hint });
    }
    return jobs;
  }

  /** Removes locked jobs; those that are no longer locked with their token are left alone. */
  async remove(jobs: readonly { readonly id: string; readonly token: string }[], now: number): Promise<void> {
    const { remove } = this.#scripts();
    const batches: Promise<unknown>[] = [];
    for (let at = 0; at < jobs.length; at += maxBatch) {
      const batch = jobs.slice(at, at + maxBatch);
      const own = batch.map(({ id }) => this.#backend.toKey(id));
      const names = batch.flatMap(({ id, token }) => [id, token]);
      batches.push(remove([...this.#keysOf(removeKeys, own), this.#backend.toKey(''), now, ...names]));
    }
    await Promise.all(batches);
  }

  /** Unlocks jobs; each goes before all that wait with its priority. */
  async putBack(jobs: readonly { readonly id: string; readonly token: string }[]): Promise<void> {
    await this.#settle(jobs.map(({ id, token }) => this.#backend.moveJobFromActiveToWait(id, token)));
  }

  /** Puts back jobs whose locks have lapsed, each to its place; how many. */
  async putBackStalled(): Promise<number> {
    const ids = await this.#backend.moveStalledJobsToWait();
    // BullMQ puts them before all others; their priority says where they belong.
    for (const id of ids) {
      const hint = hintOf(parsed((await this.#backend.getJobData(id))?.data ?? ''));
      if (hint === undefined) continue;
      await this.#settle([this.#backend.changePriority(id, jobPriorityOf(hint.priority), true)]);
    }
    return ids.length;
  }

  async count(): Promise<number> {
    const counts = await this.#backend.getCounts(['wait', 'prioritized', 'delayed', 'active']);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #scripts(): BatchScripts {
    if (this.#batches === undefined) throw new Error('the jobs are not prepared');
    return this.#batches;
  }

  /** The number of keys, and the keys. */
  #keysOf(names: readonly string[], more: readonly string[] = []): (string | number)[] {
    return [names.length + more.length, ...names.map((name) => this.#backend.toKey(name)), ...more];
  }

  async #settle(moves: readonly Promise<unknown>[]): Promise<void> {
    for (const answer of await Promise.allSettled(moves)) {
      if (answer.status === 'rejected' && !isNoLongerOurs(answer.reason)) throw answer.reason;
    }
  }
}
