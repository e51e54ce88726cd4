import type { RolloutEvent, TenantId } from '@skein/domain';
import type { WebhookCursor, WebhookSender } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { eventDocument } from './event-document.ts';

/*
 * The outbox of rollouts: their events, which are written in the commit of what they tell of, are sent to each webhook in order, at least once.
 *  W1 the place of a webhook in the events moves on only after an answer, so what a crash leaves between answer and cursor is sent again, with
 *     the same id
 *  W2 one message is under way per tenant and webhook; a webhook that fails waits longer each time, and holds up nobody else
 *  W3 a message that could not be delivered for a day is dropped, said aloud and counted; each message is tried at least once
 */

/** First wait after a failure, the longest, and how long one message is tried (ms). */
const firstWaitMs = 1_000;
const longestWaitMs = 300_000;
const givesUpMs = 86_400_000;

/** Period of the looks for events that others wrote (ms). */
const lookMs = 1_000;

/** Events that are read at once. */
const pageEvents = 50;

type Numbered = RolloutEvent & { readonly seq: number };

/** The same for every try, and for every coordinator that tries. */
const idOf = (event: Numbered): string => `evt_${event.rolloutId}_${event.seq}`;

/** Sends the events of all tenants to all webhooks. */
export class WebhookLoop {
  readonly #engine: Engine;
  readonly #busy = new Set<string>();
  #cancel: () => void = () => {};
  #looking = false;
  #again = false;
  #running = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  start(): void {
    if (this.#engine.deps.webhooks === undefined || this.#engine.deps.webhooks.names.length === 0) return;
    this.#running = true;
    this.#onTick();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  /** There may be a new event. Cheap; never throws. */
  wake(): void {
    if (!this.#running) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    void this.#look()
      .catch((thrown: unknown) =>
        this.#engine.deps.log.warn('events for webhooks could not be read', { error: thrown }),
      )
      .finally(() => {
        this.#looking = false;
        if (!this.#again) return;
        this.#again = false;
        this.wake();
      });
  }

  #onTick(): void {
    this.#cancel = this.#engine.deps.clock.after(lookMs, () => this.#onTick());
    this.wake();
  }

  async #look(): Promise<void> {
    const sender = this.#engine.deps.webhooks;
    if (sender === undefined) return;
    for (const tenant of await this.#engine.deps.rollouts.eventTenants()) {
      for (const name of sender.names) if (this.#isOurs(tenant, name)) this.#follow(sender, tenant, name);
    }
  }

  /** One coordinator sends; for a moment two may, and then the same id is sent twice. */
  #isOurs(tenant: TenantId, name: string): boolean {
    return this.#engine.members.hasDuty(`webhook/${tenant}/${name}`);
  }

  /** W2 */
  #follow(sender: WebhookSender, tenant: TenantId, name: string): void {
    const key = `${name} ${tenant}`;
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void this.#sendAll(sender, tenant, name)
      .catch((thrown: unknown) =>
        this.#engine.deps.log.warn('the place of a webhook could not be kept', { webhook: name, error: thrown }),
      )
      .finally(() => this.#busy.delete(key));
  }

  async #sendAll(sender: WebhookSender, tenant: TenantId, name: string): Promise<void> {
    const { rollouts, clock } = this.#engine.deps;
    let cursor = await rollouts.loadCursor(tenant, name);
    if (cursor.notBefore > clock.now()) return;
    for (;;) {
      const page = await rollouts.readEvents(tenant, cursor.seq, pageEvents);
      for (const event of page.events) {
        if (!this.#running || !this.#isOurs(tenant, name)) return;
        const next = await this.#send(sender, name, event, cursor);
        // W1
        await rollouts.saveCursor(tenant, name, next);
        if (next.seq < event.seq) return;
        cursor = next;
      }
      if (page.events.length === 0) return;
    }
  }

  /** The place after one try. */
  async #send(
    sender: WebhookSender,
    name: string,
    event: Numbered,
    { seq, failures }: WebhookCursor,
  ): Promise<WebhookCursor> {
    const { clock, log, meter } = this.#engine.deps;
    const past: WebhookCursor = { seq: event.seq, failures: 0, notBefore: 0 };
    // A webhook that is new is told of no old stories.
    if (seq === 0 && failures === 0 && clock.now() - event.at > givesUpMs) return past;
    try {
      await sender.send(name, {
        id: idOf(event),
        timestamp: Math.floor(clock.now() / 1_000),
        body: JSON.stringify(eventDocument(event)),
      });
      meter.count(metric.webhooks, 1, { outcome: 'delivered' });
      return past;
    } catch (thrown) {
      meter.count(metric.webhooks, 1, { outcome: 'failed' });
      const about = { webhook: name, id: idOf(event), failures: failures + 1, error: thrown };
      // W3
      if (clock.now() - event.at >= givesUpMs) {
        log.error('a webhook was given up', about);
        meter.count(metric.webhooks, 1, { outcome: 'dropped' });
        return past;
      }
      log.warn('a webhook was not delivered', about);
      return { seq, failures: failures + 1, notBefore: clock.now() + this.#waitMs(name, event, failures) };
    }
  }

  /** Twice as long each time, less up to half of it: what failed together does not come back together. */
  #waitMs(name: string, event: Numbered, failures: number): number {
    const full = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures, 20));
    const [byte = 0] = this.#engine.deps.hasher.bytes(`${name} ${event.seq} ${failures}`);
    return Math.round(full * (1 - byte / 512));
  }
}
