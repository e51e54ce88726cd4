import {
  cleanText,
  type DeadLetter,
  type DeliveryEvent,
  DomainError,
  type NumberedDeliveryEvent,
  type TenantId,
} from '@skein/domain';
import type { DeadLetterFilter, DeadLetterSettlement, DeliveryEventPage, DeliveryStore, Page } from '@skein/ports';

interface Stream {
  /** Events up to this number were removed. */
  pruned: number;
  events: NumberedDeliveryEvent[];
}

const keyOf = (tenant: TenantId, id: string): string => `${tenant}\u0000${id}`;

const newestFirst = (a: DeadLetter, b: DeadLetter): number =>
  b.at - a.at || (a.id < b.id ? 1 : Number(a.id > b.id) * -1);

/** Dead letters and the delivery stream in memory. What the run store records here does not await. */
export class MemoryDeliveryStore implements DeliveryStore {
  readonly #letters = new Map<string, DeadLetter>();
  readonly #streams = new Map<TenantId, Stream>();

  /** Stores what came with facts: letters once by their ids, events with the next numbers. */
  record(letters: readonly DeadLetter[], events: readonly DeliveryEvent[]): void {
    for (const letter of letters) {
      const key = keyOf(letter.tenant, letter.id);
      if (!this.#letters.has(key)) this.#letters.set(key, structuredClone(letter));
    }
    for (const event of events) {
      const stream = this.#stream(event.tenant);
      const seq = stream.pruned + stream.events.length + 1;
      const { itemId, reason } = event;
      stream.events.push({ ...event, itemId: cleanText(itemId), reason: cleanText(reason), seq });
    }
  }

  async listDeadLetters(filter: DeadLetterFilter): Promise<Page<DeadLetter>> {
    const { tenant, status, kind, reason, runId, limit, cursor } = filter;
    const after = cursor === undefined ? undefined : placeOf(cursor);
    const found = [...this.#letters.values()]
      .filter((letter) => letter.tenant === tenant && (status === undefined || letter.status === status))
      .filter(
        (letter) => (kind === undefined || letter.kind === kind) && (runId === undefined || letter.runId === runId),
      )
      .filter((letter) => reason === undefined || letter.reason === reason)
      .filter(({ at, id }) => after === undefined || at < after.at || (at === after.at && id < after.id))
      .toSorted(newestFirst);
    const items = found.slice(0, limit).map((letter) => structuredClone(letter));
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, nextCursor: `${last.at}.${last.id}` } : { items };
  }

  async readDeadLetter(tenant: TenantId, id: string): Promise<DeadLetter | undefined> {
    return structuredClone(this.#letters.get(keyOf(tenant, id)));
  }

  async settleDeadLetter(
    tenant: TenantId,
    id: string,
    { status, at, by, redrivenRunId }: DeadLetterSettlement,
    event: DeliveryEvent,
  ): Promise<boolean> {
    const letter = this.#letters.get(keyOf(tenant, id));
    if (letter?.status !== 'open') return false;
    const { body, ...rest } = letter;
    this.#letters.set(keyOf(tenant, id), {
      ...(status === 'purged' || body === undefined ? rest : letter),
      status,
      settledAt: at,
      settledBy: by,
      ...(redrivenRunId === undefined ? {} : { redrivenRunId }),
    });
    this.record([], [event]);
    return true;
  }

  async countDeadLetters(tenant?: TenantId): Promise<number> {
    const open = (letter: DeadLetter) => letter.status === 'open' && (tenant === undefined || letter.tenant === tenant);
    return [...this.#letters.values()].filter(open).length;
  }

  async appendEvents(events: readonly DeliveryEvent[]): Promise<void> {
    this.record([], events);
  }

  async readEvents(tenant: TenantId, afterSeq: number, limit: number): Promise<DeliveryEventPage> {
    const { pruned, events } = this.#stream(tenant);
    const items = events.slice(Math.max(0, afterSeq - pruned)).slice(0, limit);
    const gap = afterSeq < pruned ? { from: afterSeq + 1, to: pruned } : undefined;
    const next = items.at(-1)?.seq ?? gap?.to ?? afterSeq;
    return gap === undefined ? { items, next } : { items, gap, next };
  }

  async pruneEvents(before: number, maxEvents: number): Promise<number> {
    let removed = 0;
    for (const stream of this.#streams.values()) {
      const { events } = stream;
      const young = events.findIndex(({ at }) => at >= before);
      const count = Math.max(young === -1 ? events.length : young, events.length - Math.max(0, maxEvents));
      stream.events = events.slice(count);
      stream.pruned += count;
      removed += count;
    }
    return removed;
  }

  #stream(tenant: TenantId): Stream {
    const stream = this.#streams.get(tenant) ?? { pruned: 0, events: [] };
    this.#streams.set(tenant, stream);
    return stream;
  }
}

const placeOf = (cursor: string): { readonly at: number; readonly id: string } => {
  const [, at, id] = /^(\d+)\.(.+)$/s.exec(cursor) ?? [];
  if (at === undefined || id === undefined) throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
  return { at: Number(at), id };
};
