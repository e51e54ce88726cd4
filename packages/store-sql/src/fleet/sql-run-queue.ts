import type { ClaimedHint, Clock, IdSource, RunHint, RunQueue } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';

/** Hints in one statement: each has 7 parameters, and SQLite takes 32,766. */
const maxHintsPerStatement = 1_000;

/** What the queue works with. */
export interface SqlRunQueueDeps {
  readonly committer: Committer;
  readonly queries: Queries;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/**
 * The hint queue of one process, on the same database. Claims belong to this process, so visibility is judged by its monotonic
 * clock, and `open` frees what an earlier process had claimed.
 */
export class SqlRunQueue implements RunQueue {
  readonly #deps: SqlRunQueueDeps;
  readonly #wakes = new Set<() => void>();
  #position = 0;
  #claimedSince = false;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  private constructor(deps: SqlRunQueueDeps) {
    this.#deps = deps;
  }

  /** Frees the claims of an earlier process and goes on from its last position. */
  static async open(deps: SqlRunQueueDeps): Promise<SqlRunQueue> {
    const queue = new SqlRunQueue(deps);
    const { queries, committer } = deps;
    const last = await queries
      .selectFrom('queue_hint')
      .select((eb) => [eb.fn.max('position').as('position'), eb.fn.count<number>('claim').as('claimed')])
      .executeTakeFirst();
    queue.#position = Number(last?.position ?? 0);
    if (Number(last?.claimed ?? 0) === 0) return queue;
    const free = queries.updateTable('queue_hint').set({ claim: null, visible_at: 0 }).where('claim', 'is not', null);
    await committer.commit({ key: '', guards: [], writes: [bound(free)] });
    return queue;
  }

  async publish(hints: readonly RunHint[]): Promise<void> {
    const rows = hints.map(({ tenant, runId, seq, shard, priority }) => {
      this.#position += 1;
      return { tenant, run_id: runId, seq, shard, priority, position: this.#position, claim: null, visible_at: 0 };
    });
    const writes = [];
    for (let at = 0; at < rows.length; at += maxHintsPerStatement) {
      const insert = this.#deps.queries
        .insertInto('queue_hint')
        .values(rows.slice(at, at + maxHintsPerStatement))
        .onConflict((conflict) => conflict.columns(['tenant', 'run_id', 'seq']).doNothing());
      writes.push(bound(insert));
    }
    if (writes.length === 0) return;
    await this.#deps.committer.commit({ key: '', guards: [], writes });
    this.#wake();
  }

  async claim(limit: number, visibilityMs: number): Promise<readonly ClaimedHint[]> {
    if (limit <= 0) return [];
    const { queries, clock, committer, ids } = this.#deps;
    const now = clock.monotonicMs();
    const next = queries
      .selectFrom('queue_hint')
      .select('position')
      .where((eb) => eb.or([eb('claim', 'is', null), eb('visible_at', '<=', now)]))
      .orderBy('priority', 'desc')
      .orderBy('position')
      .limit(limit);
    const claim = queries
      .updateTable('queue_hint')
      .set({ claim: sql<string>`${`${ids.next('cmt')}.`} || position`, visible_at: now + visibilityMs })
      .where('position', 'in', next)
      // As bytes, because the driver ends the process at a text that is no UTF-8.
      .returning(
        sql<ArrayBuffer>`cast(json_object('tenant', tenant, 'runId', run_id, 'shard', shard, 'priority', priority, 'seq', seq, 'claim', claim, 'position', position) as blob)`.as(
          'hint',
        ),
      );
    const outcome = await committer.commit({
      key: '',
      guards: [],
      writes: [{ ...bound(claim), answers: 'rows' }],
      wantsResults: true,
    });
    const rows = outcome.status === 'done' ? outcome.results[0] : undefined;
    if (typeof rows !== 'object' || rows.length === 0) return [];
    this.#claimedSince = true;
    this.#wakeWhenLapsed(visibilityMs);
    return rows
      .map(hintOf)
      .toSorted(inQueueOrder)
      .map(({ position: _position, ...claimed }) => claimed);
  }

  async done(claims: readonly string[]): Promise<void> {
    if (claims.length === 0) return;
    const { queries, committer } = this.#deps;
    const remove = queries.deleteFrom('queue_hint').where('claim', 'in', [...claims]);
    await committer.commit({ key: '', guards: [], writes: [bound(remove)] });
  }

  async release(claims: readonly string[]): Promise<void> {
    if (claims.length === 0) return;
    const { queries, committer } = this.#deps;
    const free = queries
      .updateTable('queue_hint')
      .set({ claim: null, visible_at: 0 })
      .where('claim', 'in', [...claims]);
    await committer.commit({ key: '', guards: [], writes: [bound(free)] });
    this.#wake();
  }

  onAvailable(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => {
      this.#wakes.delete(wake);
    };
  }

  async size(): Promise<number> {
    const hints = this.#deps.queries.selectFrom('queue_hint').select((eb) => eb.fn.countAll<number>().as('hints'));
    return Number((await hints.executeTakeFirst())?.hints ?? 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#wakes.clear();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** One timer at a time: claims that outlive it set the next. A wake too many is harmless. */
  #wakeWhenLapsed(ms: number): void {
    if (this.#cancelTimer !== undefined || this.#closed) return;
    this.#claimedSince = false;
    this.#cancelTimer = this.#deps.clock.after(ms, () => {
      this.#cancelTimer = undefined;
      if (this.#claimedSince) this.#wakeWhenLapsed(ms);
      this.#wake();
    });
  }
}

type PositionedHint = ClaimedHint & { readonly position: number };

const hintOf = ({ hint }: SqlRow): PositionedHint =>
  JSON.parse(Buffer.from(hint as ArrayBuffer).toString()) as PositionedHint;

const inQueueOrder = (a: PositionedHint, b: PositionedHint): number =>
  b.priority - a.priority || a.position - b.position;
