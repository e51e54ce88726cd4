import type { RolloutEvent, RolloutId, TenantId } from '@skein/domain';
import type { RolloutEventPage, WebhookCursor } from '@skein/ports';

/** The events of rollouts, numbered by tenant, and how far each webhook has come. Nothing awaits. */
export class MemoryRolloutEvents {
  readonly #streams = new Map<TenantId, (RolloutEvent & { readonly seq: number })[]>();
  readonly #cursors = new Map<string, WebhookCursor>();

  add(event: RolloutEvent): void {
    const stream = this.#streams.get(event.tenant) ?? [];
    this.#streams.set(event.tenant, stream);
    stream.push({ ...structuredClone(event), seq: stream.length + 1 });
  }

  read(tenant: TenantId, afterSeq: number, limit: number, rolloutId?: RolloutId): RolloutEventPage {
    const events = (this.#streams.get(tenant) ?? [])
      .filter((event) => event.seq > afterSeq && (rolloutId === undefined || event.rolloutId === rolloutId))
      .slice(0, limit);
    return { events: structuredClone(events), nextSeq: events.at(-1)?.seq ?? afterSeq };
  }

  tenants(): readonly TenantId[] {
    return [...this.#streams.keys()].toSorted();
  }

  cursor(tenant: TenantId, webhook: string): WebhookCursor {
    return { ...(this.#cursors.get(`${tenant}\u0000${webhook}`) ?? { seq: 0, failures: 0, notBefore: 0 }) };
  }

  setCursor(tenant: TenantId, webhook: string, cursor: WebhookCursor): void {
    this.#cursors.set(`${tenant}\u0000${webhook}`, { ...cursor });
  }
}
