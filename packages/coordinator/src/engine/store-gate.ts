import { DomainError, isDomainError } from '@skein/domain';
import type { Clock, Log, Meter, RunStore } from '@skein/ports';
import { metric } from './metric-names.ts';

/** Waits between two probes of a store that does not take writes, in ms. */
const firstProbeMs = 250;
const maxProbeMs = 5_000;

/** Why the store takes no writes: its own word. */
export type RefusalReason = 'disk_full' | 'io_error' | 'locked' | 'closed' | 'damaged';

const reasons: readonly string[] = ['disk_full', 'io_error', 'locked', 'closed'];

/** The store's own word that it cannot write now; undefined for an error that says less, such as an answer that was lost. */
export const refusalReason = (thrown: unknown): RefusalReason | undefined => {
  if (!isDomainError(thrown)) return undefined;
  if (thrown.code === 'data_corrupt') return 'damaged';
  const reason = (thrown.details as { readonly reason?: unknown } | undefined)?.reason;
  return thrown.code === 'unavailable' && typeof reason === 'string' && reasons.includes(reason)
    ? (reason as RefusalReason)
    : undefined;
};

/**
 * Closed while the store says that it cannot write: nothing new is taken, no run has a turn, and nothing is acknowledged. It is opened
 * by a write that went through, never by time.
 */
export class StoreGate {
  readonly #deps: { readonly clock: Clock; readonly log: Log; readonly meter: Meter; readonly runs: RunStore };
  readonly #waiting = new Set<() => void>();
  readonly #onOpened: () => void;
  #reason: RefusalReason | undefined;
  #since = 0;
  #isOver = false;
  #isProbingDamage = false;

  constructor(
    deps: { readonly clock: Clock; readonly log: Log; readonly meter: Meter; readonly runs: RunStore },
    onOpened: () => void,
  ) {
    this.#deps = deps;
    this.#onOpened = onOpened;
  }

  /** Why nothing is written; undefined while all is well. */
  get reason(): RefusalReason | undefined {
    return this.#reason;
  }

  /** Ms for which it has been closed. */
  get closedMs(): number {
    return this.#reason === undefined ? 0 : this.#deps.clock.monotonicMs() - this.#since;
  }

  /** Looks at how a write failed, and closes when the store said that it cannot. */
  failed(thrown: unknown): void {
    const reason = refusalReason(thrown);
    if (reason === undefined || this.#reason !== undefined || this.#isOver) return;
    // It may be one run that is damaged, and not the store.
    if (reason === 'damaged') void this.#probeDamage();
    else this.#closeFor(reason);
  }

  async #probeDamage(): Promise<void> {
    if (this.#isProbingDamage) return;
    this.#isProbingDamage = true;
    try {
      await this.#deps.runs.probeWrite();
    } catch (thrown) {
      const reason = refusalReason(thrown);
      if (reason !== undefined && this.#reason === undefined && !this.#isOver) this.#closeFor(reason);
    } finally {
      this.#isProbingDamage = false;
    }
  }

  #closeFor(reason: RefusalReason): void {
    this.#reason = reason;
    this.#since = this.#deps.clock.monotonicMs();
    this.#deps.log.error('the store takes no writes: nothing new is taken', { reason });
    this.#deps.meter.count(metric.storeRefusals, 1, { reason });
    this.#deps.meter.gauge(metric.storeRefusing, 1);
    void this.#probe();
  }

  /** Throws `unavailable` while closed. */
  requireOpen(): void {
    if (this.#reason === undefined) return;
    throw new DomainError('unavailable', `nothing can be stored now: ${sayings[this.#reason]}`, {
      reason: this.#reason,
    });
  }

  /** Resolves when it is open, or over. */
  async opened(): Promise<void> {
    if (this.#reason === undefined || this.#isOver) return;
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** True once the coordinator began to stop: nobody waits for the store any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing waits any more. */
  close(): void {
    this.#isOver = true;
    this.#release();
  }

  async #probe(): Promise<void> {
    const { clock, log, meter, runs } = this.#deps;
    for (let waitMs = firstProbeMs; !this.#isOver; waitMs = Math.min(maxProbeMs, waitMs * 2)) {
      await clock.sleep(waitMs);
      if (this.#isOver) return;
      try {
        await runs.probeWrite();
      } catch (thrown) {
        this.#reason = refusalReason(thrown) ?? this.#reason;
        continue;
      }
      log.info('the store takes writes again', { reason: this.#reason, closedMs: Math.round(this.closedMs) });
      this.#reason = undefined;
      meter.gauge(metric.storeRefusing, 0);
      this.#release();
      this.#onOpened();
      return;
    }
  }

  #release(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

const sayings: { readonly [reason in RefusalReason]: string } = {
  disk_full: 'the disk is full; make room in the data folder',
  io_error: 'the disk reports errors',
  locked: 'another process holds the database',
  closed: 'the store is closed',
  damaged: 'the database is damaged; see the log',
};
