import { type DeadLetter, type DeliveryEvent, DomainError, type TenantId } from '@skein/domain';
import type { DeadLetterFilter, DeadLetterSettlement, DeliveryEventPage, DeliveryStore, Page } from '@skein/ports';
import { sql } from 'kysely';
import { eventsLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound, Committer } from '../sql/write-unit.ts';
import { deadLetterOf } from './dead-letter-row.ts';
import { createEventInsert, deliveryEventOf } from './delivery-event-row.ts';
import { pruneEvents } from './prune-events.ts';

/** Dead letters and the delivery stream in SQL. What belongs to facts is written by the append itself. */
export class SqlDeliveryStore implements DeliveryStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #insertEvent: (event: DeliveryEvent, commitId: string | null) => Bound;
  /** Unlike that of any other opening of the database; with the count it names each write for ever. */
  readonly #writer: string;
  #count = 0;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries; readonly writer: string }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#insertEvent = createEventInsert(deps.queries);
    this.#writer = deps.writer;
  }

  async listDeadLetters(filter: DeadLetterFilter): Promise<Page<DeadLetter>> {
    const rows = await listQuery(this.#queries, filter).execute();
    const items = rows.slice(0, filter.limit).map(deadLetterOf);
    const last = items.at(-1);
    return rows.length > filter.limit && last !== undefined
      ? { items, nextCursor: `${last.at}.${last.id}` }
      : { items };
  }

  async readDeadLetter(tenant: TenantId, id: string): Promise<DeadLetter | undefined> {
    const row = await this.#queries
      .selectFrom('dead_letter')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? undefined : deadLetterOf(row);
  }

  async settleDeadLetter(
    tenant: TenantId,
    id: string,
    { status, at, by, redrivenRunId }: DeadLetterSettlement,
    event: DeliveryEvent,
  ): Promise<boolean> {
    const commitId = this.#nextCommitId();
    const purged = status === 'purged' ? await this.#withoutBody(tenant, id) : undefined;
    const settle = this.#queries
      .updateTable('dead_letter')
      .set({
        status,
        settled_at: at,
        settled_by: by,
        redriven_run_id: redrivenRunId ?? null,
        commit_id: commitId,
        ...(purged === undefined ? {} : { letter: purged }),
      })
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .where('status', '=', 'open');
    const settledBy = this.#queries
      .selectFrom('dead_letter')
      .select('commit_id')
      .where('tenant', '=', tenant)
      .where('id', '=', id);
    const outcome = await this.#committer.commit({
      key: tenant,
      locks: [eventsLock(tenant)],
      guards: [{ must: 'change', ...bound(settle), otherwise: bound(settledBy) }],
      writes: [this.#insertEvent(event, commitId)],
    });
    // A settlement whose answer was lost finds its own name there.
    return outcome.status === 'done' || outcome.rows[0]?.['commit_id'] === commitId;
  }

  async countDeadLetters(tenant?: TenantId): Promise<number> {
    const { letters } = await this.#queries
      .selectFrom('dead_letter')
      .select((eb) => eb.fn.countAll<number>().as('letters'))
      .where(sql<boolean>`status = 'open'`)
      .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
      .executeTakeFirstOrThrow();
    return Number(letters);
  }

  async appendEvents(events: readonly DeliveryEvent[]): Promise<void> {
    if (events.length === 0) return;
    const commitId = this.#nextCommitId();
    const writes = events.map((event, index) => this.#insertEvent(event, `${commitId}.${index}`));
    const locks = [...new Set(events.map(({ tenant }) => tenant))].map(eventsLock);
    await this.#committer.commit({ key: events[0]?.tenant ?? '', locks, guards: [], writes });
  }

  async readEvents(tenant: TenantId, afterSeq: number, limit: number): Promise<DeliveryEventPage> {
    const rows = await this.#queries
      .selectFrom('delivery_event')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('seq', '>', afterSeq)
      .orderBy('seq')
      .limit(limit)
      .execute();
    const items = rows.map(deliveryEventOf);
    for (const [index, { seq }] of items.entries()) {
      if (index > 0 && seq !== (items[index - 1]?.seq ?? 0) + 1) throw holeBefore(tenant, seq);
    }
    const first = items[0]?.seq;
    if (first === afterSeq + 1) return { items, next: items.at(-1)?.seq ?? afterSeq };
    const prunedSeq = await this.#prunedSeq(tenant);
    const to = first === undefined ? prunedSeq : first - 1;
    // Nothing but retention may remove an event.
    if (first !== undefined && prunedSeq < to) throw holeBefore(tenant, first);
    if (to <= afterSeq) return { items, next: afterSeq };
    return { items, gap: { from: afterSeq + 1, to }, next: items.at(-1)?.seq ?? to };
  }

  pruneEvents(before: number, maxEvents: number): Promise<number> {
    return pruneEvents({ committer: this.#committer, queries: this.#queries }, before, maxEvents);
  }

  async #prunedSeq(tenant: TenantId): Promise<number> {
    const row = await this.#queries
      .selectFrom('delivery_gap')
      .select('pruned_seq')
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    return Number(row?.pruned_seq ?? 0);
  }

  /** What is left of a letter without its body. A letter that is open never changes. */
  async #withoutBody(tenant: TenantId, id: string): Promise<string | undefined> {
    const row = await this.#queries
      .selectFrom('dead_letter')
      .select('letter')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { body: _, ...rest } = JSON.parse(row.letter) as { readonly body?: unknown };
    return JSON.stringify(rest);
  }

  #nextCommitId(): string {
    this.#count += 1;
    return `${this.#writer}.${this.#count.toString(36)}`;
  }
}

const holeBefore = (tenant: TenantId, seq: number): DomainError =>
  new DomainError('data_corrupt', 'the delivery stream has a hole', { tenant, seq });

/** One row more than the page, to know whether another follows. */
const listQuery = (queries: Queries, filter: DeadLetterFilter) => {
  const { tenant, status, kind, reason, runId, limit, cursor } = filter;
  let query = queries.selectFrom('dead_letter').selectAll().where('tenant', '=', tenant);
  // The planner takes the index of open ones only where the query names them itself.
  if (status === 'open') query = query.where(sql<boolean>`status = 'open'`);
  else if (status !== undefined) query = query.where('status', '=', status);
  if (kind !== undefined) query = query.where('kind', '=', kind);
  if (reason !== undefined) query = query.where('reason', '=', reason);
  if (runId !== undefined) query = query.where('run_id', '=', runId);
  if (cursor !== undefined) {
    const [, at, id] = /^(\d+)\.(.+)$/s.exec(cursor) ?? [];
    if (at === undefined || id === undefined)
      throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
    query = query.where((eb) => eb(eb.refTuple('at', 'id'), '<', eb.tuple(Number(at), id)));
  }
  return query
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
};
