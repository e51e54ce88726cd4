import { DomainError } from '@skein/domain';
import type { Clock, Log, Meter } from '@skein/ports';
import type { RedisClient } from './redis-client.ts';
import { isRefusal, reasonOf } from './redis-reason.ts';

/** Names of the queue's metrics. */
export const queueMetric = {
  up: 'skein_queue_up',
  failures: 'skein_queue_failures_total',
} as const;

/** A connection that made no progress for so many deadlines is cut, and another one is tried. */
const deadlinesToCut = 3;

/** A Redis that did not answer for so many probes from the start on is not only on its way. */
const probesToTell = 3;

/** A timer that is later than this, ms, says that the machine or this process stood still: the answer may be there, unread. */
export const stallMs = 250;

/** What a link works with. Times in ms. */
export interface RedisLinkDeps {
  readonly client: RedisClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly deadlineMs: number;
  readonly probeMs: number;
  /** Prepares what calls need, once it answers; called again when it failed. */
  readonly prepare: () => Promise<void>;
  /** Writes something that changes nothing: a server that refuses writes answers pings. */
  readonly tryWrite: () => Promise<void>;
  /** It answers again, or for the first time. */
  readonly onUp: () => void;
}

const timedOut = Symbol('timed out');

/**
 * Knows whether Redis answers. Calls go through `run`, which waits no longer than the deadline, or twice that when this process stood still
 * meanwhile, and does not try while Redis is known to be away; probes find out when it is back. A server that hangs is found by the deadline,
 * a connection that hangs is cut.
 */
export class RedisLink {
  readonly #deps: RedisLinkDeps;
  #state: 'up' | 'refusing' | 'down' = 'down';
  #reason = 'connecting';
  #downSince: number;
  #lastProgress: number;
  #failures = 0;
  #prepared = false;
  /** It was said that it is away. */
  #told = false;
  /** Why there is no connection; kept until there is one. */
  #connectError: string | undefined;
  #probing = false;
  #closed = false;
  #cancelProbe: () => void = () => {};

  constructor(deps: RedisLinkDeps) {
    this.#deps = deps;
    const { client, clock, meter } = deps;
    this.#downSince = clock.monotonicMs();
    this.#lastProgress = this.#downSince;
    meter.gauge(queueMetric.up, 0);
    client.on('ready', () => {
      this.#connectError = undefined;
      void this.#probe();
    });
    client.on('close', () => this.#fell(this.#state === 'up' ? 'connection closed' : this.#reason));
    client.on('end', () => this.#fell('connection closed'));
    client.on('error', (error: Error) => {
      if (this.#state === 'up') return;
      this.#connectError = reasonOf(error);
      this.#reason = this.#connectError;
    });
    this.#arm();
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /** Why not `up`, and for how long. */
  get trouble(): { readonly reason: string; readonly downMs: number } | undefined {
    if (this.#state === 'up') return undefined;
    return { reason: this.#reason, downMs: this.#deps.clock.monotonicMs() - this.#downSince };
  }

  get failures(): number {
    return this.#failures;
  }

  /**
   * The call's answer. Throws `unavailable` at once while Redis is away, after the deadline when it does not answer, and when it refuses.
   * `late` gets an answer that came after the deadline.
   */
  async run<T>(what: string, call: () => Promise<T>, late: (answer: T) => void = () => {}): Promise<T> {
    if (this.#state === 'down') throw this.#failed(what, this.#reason);
    try {
      const answer = await this.#bounded(call, late);
      if (this.#state === 'refusing') this.#rose();
      return answer;
    } catch (thrown) {
      if (thrown === timedOut) this.#fell(`no answer within ${this.#deps.deadlineMs} ms`);
      else if (isRefusal(thrown)) this.#refused(reasonOf(thrown));
      throw this.#failed(what, thrown === timedOut ? this.#reason : reasonOf(thrown), thrown);
    }
  }

  /** Ends the probes; calls fail from now on. */
  close(): void {
    this.#closed = true;
    this.#cancelProbe();
    this.#state = 'down';
    this.#reason = 'closed';
  }

  async #bounded<T>(call: () => Promise<T>, late: (answer: T) => void): Promise<T> {
    const { clock, deadlineMs } = this.#deps;
    let isLate = false;
    let cancel: () => void = () => {};
    const deadline = new Promise<never>((_, reject) => {
      const arm = (isLast: boolean): void => {
        const dueAtMs = clock.monotonicMs() + deadlineMs;
        cancel = clock.after(deadlineMs, () => {
          // Once: a process that is always late must find out, too, that Redis hangs.
          if (!isLast && clock.monotonicMs() - dueAtMs > stallMs) return arm(true);
          isLate = true;
          return reject(timedOut);
        });
      };
      arm(false);
    });
    const answer = call();
    answer.then(
      (value) => {
        if (isLate) late(value);
      },
      () => undefined,
    );
    try {
      return await Promise.race([answer, deadline]);
    } finally {
      cancel();
    }
  }

  #failed(what: string, reason: string, cause?: unknown): DomainError {
    this.#failures += 1;
    this.#deps.meter.count(queueMetric.failures, 1, { operation: what });
    return new DomainError(
      'unavailable',
      `the queue does not answer (${reason})`,
      { reason },
      cause instanceof Error ? cause : undefined,
    );
  }

  #arm(): void {
    if (this.#closed) return;
    this.#cancelProbe();
    this.#cancelProbe = this.#deps.clock.after(this.#deps.probeMs, () => {
      this.#arm();
      void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#closed) return;
    this.#probing = true;
    const { client, prepare, tryWrite } = this.#deps;
    try {
      await this.#bounded(
        () => client.ping(),
        () => undefined,
      );
      if (!this.#prepared) {
        await this.#bounded(prepare, () => undefined);
        this.#prepared = true;
      }
      this.#lastProgress = this.#deps.clock.monotonicMs();
      if (this.#state === 'refusing') await this.#bounded(tryWrite, () => undefined);
      this.#rose();
    } catch (thrown) {
      if (isRefusal(thrown) && this.#state !== 'down') return this.#refused(reasonOf(thrown));
      const noAnswer = `no answer within ${this.#deps.deadlineMs} ms`;
      this.#fell(this.#connectError ?? (thrown === timedOut ? noAnswer : reasonOf(thrown)));
      this.#cutIfStuck();
    } finally {
      this.#probing = false;
    }
  }

  #cutIfStuck(): void {
    const { client, clock, deadlineMs } = this.#deps;
    if (client.status !== 'ready' && client.status !== 'connect') return;
    const now = clock.monotonicMs();
    if (now - this.#lastProgress < deadlineMs * deadlinesToCut) return;
    this.#lastProgress = now;
    client.disconnect(true);
  }

  #rose(): void {
    const { clock, log, meter, onUp } = this.#deps;
    if (this.#closed || this.#state === 'up') return;
    log.info('the queue answers', { afterMs: Math.round(clock.monotonicMs() - this.#downSince) });
    this.#state = 'up';
    this.#told = false;
    meter.gauge(queueMetric.up, 1);
    onUp();
  }

  #refused(reason: string): void {
    if (this.#closed || this.#state === 'down') return;
    this.#left(reason);
    this.#state = 'refusing';
  }

  #fell(reason: string): void {
    if (this.#closed) return;
    this.#left(reason);
    this.#state = 'down';
  }

  #left(reason: string): void {
    const { clock, log, meter, probeMs } = this.#deps;
    this.#reason = reason;
    if (this.#state === 'up') {
      this.#downSince = clock.monotonicMs();
      meter.gauge(queueMetric.up, 0);
    } else if (this.#told || clock.monotonicMs() - this.#downSince < probesToTell * probeMs) return;
    this.#told = true;
    log.warn('the queue does not answer: runs are admitted from the store, no work is lost', { reason });
  }
}
