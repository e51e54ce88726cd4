import type { DeliveryEvent } from '@skein/domain';
import type { CoordinatorDeps } from '../engine/coordinator-deps.ts';
import { metric } from '../engine/metric-names.ts';

/** Events that may wait for the store; one more is counted and logged instead. */
const maxWaiting = 10_000;

/** Events of one write. */
const maxPerWrite = 500;

/** Waits between two tries when the store does not answer, in ms: doubled each time up to the last. */
const firstWaitMs = 100;
const maxWaitMs = 5_000;

/**
 * Writes delivery events that belong to no append, such as a refused message: in order, one write at a time, again until the store
 * takes them. Nobody waits for it.
 */
export class EventWriter {
  readonly #deps: Pick<CoordinatorDeps, 'clock' | 'delivery' | 'log' | 'meter'>;
  readonly #waiting: DeliveryEvent[] = [];
  #failures = 0;
  #writing: Promise<void> | undefined;
  #isPaused = false;
  #closed = false;

  constructor(deps: Pick<CoordinatorDeps, 'clock' | 'delivery' | 'log' | 'meter'>) {
    this.#deps = deps;
  }

  /** Takes an event; it is written soon. */
  add(event: DeliveryEvent): void {
    if (this.#closed || this.#waiting.length >= maxWaiting) {
      this.#deps.meter.count(metric.deliveryEventsLost);
      this.#deps.log.error('delivery event is not kept', { ...event });
      return;
    }
    this.#waiting.push(event);
    if (!this.#isPaused) this.#start();
  }

  /** Writes what waits, once, and no more after it; what the store does not take then is logged, because nothing may end in silence. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#write();
    for (const event of this.#waiting.splice(0)) {
      this.#deps.meter.count(metric.deliveryEventsLost);
      this.#deps.log.warn('delivery event was not written before the stop', { ...event });
    }
  }

  #start(): void {
    this.#writing ??= this.#write().then((isDone) => {
      this.#writing = undefined;
      if (isDone) return;
      this.#failures += 1;
      const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(10, this.#failures - 1));
      this.#isPaused = true;
      this.#deps.clock.after(waitMs, () => {
        this.#isPaused = false;
        if (!this.#closed) this.#start();
      });
    });
  }

  /** True when nothing waits any more; false when the store did not take it. Never rejects. */
  async #write(): Promise<boolean> {
    while (this.#waiting.length > 0) {
      const events = this.#waiting.slice(0, maxPerWrite);
      try {
        await this.#deps.delivery.appendEvents(events);
        this.#waiting.splice(0, events.length);
        this.#failures = 0;
      } catch (thrown) {
        this.#deps.log.warn('delivery events were not written', { events: events.length, error: thrown });
        return false;
      }
    }
    return true;
  }
}
