import { DomainError } from '@skein/domain';
import type { AuditEntry, AuditFilter, AuditStore, Page } from '@skein/ports';

/** The audit log in memory. */
export class MemoryAuditStore implements AuditStore {
  readonly #entries = new Map<string, AuditEntry>();

  async append(entries: readonly AuditEntry[]): Promise<void> {
    for (const entry of entries) {
      const name = `${entry.tenant}\u0000${entry.id}`;
      if (!this.#entries.has(name)) this.#entries.set(name, structuredClone(entry));
    }
  }

  async list({ tenant, actorId, action, target, since, limit, cursor }: AuditFilter): Promise<Page<AuditEntry>> {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    const found = [...this.#entries.values()]
      .filter(
        (entry) =>
          entry.tenant === tenant &&
          (actorId === undefined || entry.actor.id === actorId) &&
          (action === undefined || entry.action === action) &&
          (target === undefined || entry.target === target) &&
          (since === undefined || entry.at >= since) &&
          (after === undefined || newestFirst(after, entry) < 0),
      )
      .toSorted(newestFirst);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, nextCursor: `${last.at}.${last.id}` } : { items };
  }

  async prune(before: number): Promise<number> {
    const old = [...this.#entries].filter(([, { at }]) => at < before);
    for (const [name] of old) this.#entries.delete(name);
    return old.length;
  }
}

interface Place {
  readonly at: number;
  readonly id: string;
}

const newestFirst = (a: Place, b: Place): number => b.at - a.at || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

const placeOf = (cursor: string): Place => {
  const [, at, id] = /^(\d{1,15})\.(.+)$/s.exec(cursor) ?? [];
  if (at === undefined || id === undefined) throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
  return { at: Number(at), id };
};
