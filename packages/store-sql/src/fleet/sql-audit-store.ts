import { DomainError, type JsonObject } from '@skein/domain';
import type { AuditEntry, AuditFilter, AuditStore, Page } from '@skein/ports';
import type { Selectable } from 'kysely';
import type { AuditTable } from '../sql/fleet-schema.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** Entries in one statement: each has 10 parameters, and SQLite takes 32,766. */
const maxEntriesPerStatement = 500;
/** Entries that one commit removes, so that no other waits long. */
const maxPruned = 2_000;

/** The audit log in SQL. */
export class SqlAuditStore implements AuditStore {
  readonly #committer: Committer;
  readonly #queries: Queries;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    const writes = [];
    for (let at = 0; at < entries.length; at += maxEntriesPerStatement) {
      const insert = this.#queries
        .insertInto('audit')
        .values(entries.slice(at, at + maxEntriesPerStatement).map(rowOf))
        .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing());
      writes.push(bound(insert));
    }
    if (writes.length > 0) await this.#committer.commit({ key: 'audit', guards: [], writes });
  }

  async list(filter: AuditFilter): Promise<Page<AuditEntry>> {
    const rows = await listQuery(this.#queries, filter).execute();
    const items = rows.slice(0, filter.limit).map(entryOf);
    const last = items.at(-1);
    return rows.length > filter.limit && last !== undefined
      ? { items, nextCursor: `${last.at}.${last.id}` }
      : { items };
  }

  async prune(before: number): Promise<number> {
    const oldest = this.#queries
      .selectFrom('audit')
      .select(['tenant', 'id'])
      .where('at', '<', before)
      .orderBy('at')
      .limit(maxPruned);
    const prune = bound(
      this.#queries
        .deleteFrom('audit')
        .where((eb) => eb(eb.refTuple('tenant', 'id'), 'in', oldest.$asTuple('tenant', 'id'))),
    );
    for (let pruned = 0; ; ) {
      const outcome = await this.#committer.commit({ key: 'audit', guards: [], writes: [prune], wantsResults: true });
      const removed = outcome.status === 'done' ? Number(outcome.results[0]) : 0;
      pruned += removed;
      if (removed < maxPruned) return pruned;
    }
  }
}

/** One row more than the page, to know whether another follows. */
const listQuery = (queries: Queries, filter: AuditFilter) => {
  const { tenant, actorId, action, target, since, limit, cursor } = filter;
  let query = queries.selectFrom('audit').selectAll().where('tenant', '=', tenant);
  if (actorId !== undefined) query = query.where('actor_id', '=', actorId);
  if (action !== undefined) query = query.where('action', '=', action);
  if (target !== undefined) query = query.where('target', '=', target);
  if (since !== undefined) query = query.where('at', '>=', since);
  if (cursor !== undefined) {
    const [, at, id] = /^(\d{1,15})\.(.+)$/s.exec(cursor) ?? [];
    if (at === undefined || id === undefined)
      throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
    query = query.where((eb) => eb(eb.refTuple('at', 'id'), '<', eb.tuple(Number(at), id)));
  }
  return query
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
};

const rowOf = (entry: AuditEntry): AuditTable => ({
  tenant: entry.tenant,
  id: entry.id,
  at: entry.at,
  actor_kind: entry.actor.kind,
  actor_id: entry.actor.id,
  actor_name: entry.actor.name ?? null,
  action: entry.action,
  target: entry.target ?? null,
  outcome: entry.outcome,
  details: entry.details === undefined ? null : JSON.stringify(entry.details),
});

const entryOf = (row: Selectable<AuditTable>): AuditEntry => ({
  id: row.id,
  tenant: row.tenant,
  at: Number(row.at),
  actor: { kind: row.actor_kind, id: row.actor_id, ...(row.actor_name === null ? {} : { name: row.actor_name }) },
  action: row.action,
  ...(row.target === null ? {} : { target: row.target }),
  outcome: row.outcome,
  ...(row.details === null ? {} : { details: JSON.parse(row.details) as JsonObject }),
});
