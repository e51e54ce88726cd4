import type { ClaimedHint, Clock, IdSource, Log, QueueStatus, RunHint } from '@skein/ports';
import { type Claim, ClaimTable } from './claim-table.ts';
import { HintJobs, type LockedJob, maxBatch, queueName } from './hint-jobs.ts';
import type { BullmqQueue, BullmqQueueOptions } from './queue-options.ts';
import { adviseRedis } from './redis-advice.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisLink, stallMs } from './redis-link.ts';

/** Hints that a claim asks for at once when nothing tells how many there are. */
const firstAsk = 4;

/** What the queue works with, defaults filled in. */
export interface BullmqRunQueueDeps
  extends Required<Omit<BullmqQueueOptions, 'url'>>,
    Readonly<{ client: RedisClient; subscriber: RedisClient }> {}

const ignore = (): void => undefined;

/**
 * Hints as jobs of BullMQ, fetched by hand. A job that is claimed carries this process's lock; a claim lapses by the process's own
 * monotonic clock, and by the lock's time to live when the process is no more.
 */
export class BullmqRunQueue implements BullmqQueue {
  readonly #deps: BullmqRunQueueDeps;
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #log: Log;
  readonly #link: RedisLink;
  readonly #claims: ClaimTable;
  readonly #wakes = new Set<() => void>();
  readonly #channel: string;
  readonly #self: string;
  #jobs: HintJobs | undefined;
  #durability: QueueStatus['durability'] = 'unknown';
  #advised = false;
  /** Guess of how many hints wait that this process published. */
  #unclaimed = 0;
  #sharing = false;
  /** Claims that are over, of which Redis could not be told. */
  #owed: Claim[] = [];
  #lapsing: Promise<void> = Promise.resolve();
  #cancelStalled: () => void = () => {};
  #cancelShare: () => void = () => {};
  #closed = false;

  constructor(deps: BullmqRunQueueDeps) {
    this.#deps = deps;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#log = deps.log;
    this.#self = deps.ids.next('cmt');
    this.#channel = `${deps.prefix}:${queueName}:wake`;
    this.#claims = new ClaimTable(deps.clock, (lapsed) => this.#handBack(lapsed));
    this.#link = new RedisLink({
      client: deps.client,
      clock: deps.clock,
      log: deps.log,
      meter: deps.meter,
      deadlineMs: deps.deadlineMs,
      probeMs: deps.probeMs,
      prepare: () => this.#prepare(),
      tryWrite: () => this.#ready().touch(),
      onUp: () => this.#handBack(this.#owed.splice(0)),
    });
    this.#listen();
    this.#lookForStalled();
  }

  /** Resolves when Redis answers, or after the deadline; after one more when this process stood still meanwhile. */
  async settled(): Promise<void> {
    if (this.#link.up) return;
    const stopped = new AbortController();
    const stop = this.onAvailable(() => {
      if (this.#link.up) stopped.abort();
    });
    const { deadlineMs } = this.#deps;
    const dueAtMs = this.#clock.monotonicMs() + deadlineMs;
    await this.#clock.sleep(deadlineMs, stopped.signal).catch(ignore);
    const isLate = !stopped.signal.aborted && this.#clock.monotonicMs() - dueAtMs > stallMs;
    if (isLate) await this.#clock.sleep(deadlineMs, stopped.signal).catch(ignore);
    stop();
  }

  status(): QueueStatus {
    const { trouble, failures } = this.#link;
    return { up: trouble === undefined, ...trouble, failures, durability: this.#durability };
  }

  async publish(hints: readonly RunHint[]): Promise<void> {
    if (hints.length === 0) return;
    await this.#link.run('publish', () => this.#ready().add(hints, this.#clock.now()));
    this.#unclaimed += hints.length;
    this.#share();
    this.#wake();
  }

  async claim(limit: number, visibilityMs: number): Promise<readonly ClaimedHint[]> {
    if (limit <= 0) return [];
    await this.#lapsing;
    const token = this.#ids.next('cmt');
    const until = this.#clock.monotonicMs() + visibilityMs;
    const jobs = await this.#link.run(
      'claim',
      () => this.#fetch(limit, token, visibilityMs),
      // Who asked was told that nothing came.
      (late) => this.#handBack(late.map(({ id }) => ({ name: '', id, token, until: 0, done: false }))),
    );
    return jobs.flatMap(({ id, hint }, index) => {
      const claim: Claim = { name: `${token}.${index}`, id, token, until, done: false };
      if (hint !== undefined) {
        this.#claims.add(claim);
        return [{ ...hint, claim: claim.name }];
      }
      this.#log.warn('a job of the queue is no hint: it is removed', { jobId: id });
      void this.#finish([claim]).catch(ignore);
      return [];
    });
  }

  async done(names: readonly string[]): Promise<void> {
    const claims = this.#claims.take(names);
    if (claims.length === 0) return;
    try {
      await this.#finish(claims);
    } catch (thrown) {
      for (const claim of claims) this.#claims.add({ ...claim, done: true });
      throw thrown;
    }
  }

  async release(names: readonly string[]): Promise<void> {
    const claims = this.#claims.take(names);
    if (claims.length === 0) return;
    try {
      await this.#free(claims);
    } catch (thrown) {
      for (const claim of claims) this.#claims.add(claim);
      throw thrown;
    }
    this.#wake();
  }

  onAvailable(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => {
      this.#wakes.delete(wake);
    };
  }

  async size(): Promise<number> {
    return this.#link.run('size', () => this.#ready().count());
  }

  /** Hands back what is claimed, if Redis answers, and disconnects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelStalled();
    this.#cancelShare();
    this.#wakes.clear();
    await this.#lapsing;
    const claims = this.#claims.clear();
    if (claims.length > 0 && this.#link.up) await this.#settle(claims).catch(ignore);
    this.#link.close();
    await this.#jobs?.close();
    this.#deps.client.disconnect();
    this.#deps.subscriber.disconnect();
  }

  #ready(): HintJobs {
    if (this.#jobs === undefined) throw new Error('the queue is not prepared');
    return this.#jobs;
  }

  async #prepare(): Promise<void> {
    const { client, log } = this.#deps;
    await this.#jobs?.close();
    this.#jobs = new HintJobs(this.#deps);
    await this.#jobs.prepare();
    if (this.#advised) return;
    this.#durability = await adviseRedis(client, log);
    this.#advised = true;
  }

  /** In the queue's order. Asks again, for twice as many, while as many came as were asked for. */
  async #fetch(limit: number, token: string, visibilityMs: number): Promise<readonly LockedJob[]> {
    const jobs = this.#ready();
    const taken: LockedJob[] = [];
    // A lock that lapsed before the claim would hand the hint out twice.
    const lockMs = Math.max(this.#deps.lockMs, Math.ceil(visibilityMs * 1.5));
    let ask = Math.max(firstAsk, this.#unclaimed);
    while (taken.length < limit) {
      const asked = Math.min(ask, limit - taken.length, maxBatch);
      const came = await jobs.take(asked, token, lockMs, this.#clock.now()).catch((thrown: unknown) => {
        if (taken.length === 0) throw thrown;
        return [];
      });
      taken.push(...came);
      if (came.length < asked) break;
      ask = asked * 2;
    }
    this.#unclaimed = taken.length < limit ? 0 : Math.max(0, this.#unclaimed - taken.length);
    return taken;
  }

  async #finish(claims: readonly Claim[]): Promise<void> {
    await this.#link.run('done', () => this.#ready().remove(claims, this.#clock.now()));
  }

  async #free(claims: readonly Claim[]): Promise<void> {
    // The last first: each goes before those of its priority.
    await this.#link.run('release', () => this.#ready().putBack([...claims].reverse()));
    this.#unclaimed += claims.length;
    this.#share();
  }

  /** Each as its holder left it. */
  async #settle(claims: readonly Claim[]): Promise<void> {
    const done = claims.filter((claim) => claim.done);
    const held = claims.filter((claim) => !claim.done);
    if (done.length > 0) await this.#finish(done);
    if (held.length > 0) await this.#free(held);
  }

  /** Claims that are over. A claim waits for it. */
  #handBack(claims: readonly Claim[]): void {
    this.#wake();
    if (claims.length === 0) return;
    const handed = this.#settle(claims).then(
      () => this.#wake(),
      () => void this.#owed.push(...claims),
    );
    this.#comesFirst(handed);
  }

  /** What claims wait for. Never fails. */
  #comesFirst(work: Promise<unknown>): void {
    this.#lapsing = Promise.allSettled([this.#lapsing, work]).then(ignore);
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** Tells other processes of hints that this one does not take itself. */
  #share(): void {
    if (this.#sharing || this.#closed) return;
    this.#sharing = true;
    this.#cancelShare = this.#clock.after(this.#deps.shareAfterMs, () => {
      this.#sharing = false;
      if (this.#unclaimed <= 0 || !this.#link.up) return;
      this.#deps.client.publish(this.#channel, this.#self).catch(ignore);
    });
  }

  #listen(): void {
    const { subscriber } = this.#deps;
    subscriber.on('error', ignore);
    subscriber.on('message', (_channel: string, from: string) => {
      if (from !== this.#self) this.#wake();
    });
    subscriber.on('ready', () => {
      subscriber.subscribe(this.#channel).then(() => this.#wake(), ignore);
    });
  }

  /** Looks for jobs whose process died, and puts them back where they were. */
  #lookForStalled(): void {
    if (this.#closed) return;
    this.#cancelStalled = this.#clock.after(this.#deps.stalledMs, () => {
      this.#lookForStalled();
      // A claim waits for it, and so never sees what is not back in its place yet.
      if (this.#link.up) this.#comesFirst(this.#freeStalled());
    });
  }

  async #freeStalled(): Promise<void> {
    const freed = await this.#link.run('stalled', () => this.#ready().putBackStalled());
    if (freed > 0) this.#wake();
  }
}
