import type { ClaimedHint, Clock, IdSource, RunHint, RunQueue } from '@skein/ports';
import { channelOf, PgNotices } from './pg-notices.ts';
import type { PgStatement, PgTarget } from './pg-statement.ts';
import { SideConnection } from './side-connection.ts';

/*
 * The hint queue of many processes, on the database that they share. Nothing of it waits for the disk: losing hints loses no work.
 *
 * Q1 A claim names its rows; `done` and `release` find them by that name alone, so that one that came back and was claimed anew is safe.
 * Q2 Whoever claimed judges its own claims by its own monotonic clock: what has lapsed it hands out again.
 * Q3 The claims of a process that died are freed by the others: each looks now and then, and frees a claim that it saw unchanged for the
 *    claim's whole visibility time, by its own clock. Instants of different processes are never compared.
 * Q4 Notices wake the other processes; one that is lost costs no more than the time until they look.
 */

const lookMs = 1_000;
const maxLooked = 2_000;

/** What the queue works with. */
export interface PgRunQueueDeps {
  readonly target: PgTarget;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** See the head of the file. */
export class PgRunQueue implements RunQueue {
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #connection: SideConnection;
  readonly #notices: PgNotices;
  readonly #notify: PgStatement;
  readonly #wakes = new Set<() => void>();
  /** Until when ours are invisible, monotonic ms. */
  readonly #ours = new Map<string, number>();
  /** Since when others' claims are seen, monotonic ms. */
  #others = new Map<string, number>();
  #notifying: Promise<unknown> | undefined;
  /** Something came while others were told. */
  #again = false;
  #looking: Promise<unknown> | undefined;
  #cancelLook: (() => void) | undefined;
  #cancelLapse: (() => void) | undefined;
  #closed = false;

  constructor({ target, clock, ids }: PgRunQueueDeps) {
    this.#clock = clock;
    this.#ids = ids;
    this.#connection = new SideConnection(target, 'set synchronous_commit to off');
    this.#notices = new PgNotices({ target, clock, heard: () => this.#wake() });
    this.#notify = { name: 'q-notify', sql: 'select pg_notify($1, $2)', params: [channelOf(target.schema), ''] };
  }

  async publish(hints: readonly RunHint[]): Promise<void> {
    if (hints.length === 0) return;
    await this.#connection.query({
      name: 'q-publish',
      sql: `insert into queue_hint (tenant, run_id, seq, shard, priority, claim, visible_at)
        select "tenant", "runId", "seq", "shard", "priority", null, 0
        from rows from (jsonb_to_recordset($1::jsonb) as (
          "tenant" text, "runId" text, "seq" bigint, "shard" integer, "priority" integer)) with ordinality
        order by ordinality
        on conflict (tenant, run_id, seq) do nothing`,
      params: [JSON.stringify(hints)],
    });
    this.#wake();
    this.#tellOthers();
  }

  async claim(limit: number, visibilityMs: number): Promise<readonly ClaimedHint[]> {
    if (limit <= 0) return [];
    const now = this.#clock.monotonicMs();
    const lapsed = [...this.#ours].flatMap(([claim, until]) => (until <= now ? [claim] : [])); // Q2
    const { rows } = await this.#connection.query({
      name: 'q-claim',
      rows: true,
      sql: `with next as materialized (
          select priority, position, claim as earlier from queue_hint
          where claim is null or claim = any($1::text::text[])
          order by priority desc, position limit $2::integer for update skip locked
        )
        update queue_hint as hint set claim = $3::text || hint.position, visible_at = $4::double precision
        from next where hint.priority = next.priority and hint.position = next.position
        returning hint.tenant, hint.run_id, hint.seq, hint.shard, hint.priority, hint.position, hint.claim, next.earlier`,
      params: [arrayOf(lapsed), limit, `${this.#ids.next('cmt')}.`, visibilityMs],
    });
    // Those that were not handed out are another's now, or gone.
    const gone = rows.length < limit ? lapsed : rows.map((row) => row['earlier'] as string);
    for (const claim of gone) this.#ours.delete(claim);
    if (rows.length === 0) return [];
    const claimed = rows
      .map((row) => ({ ...hintOf(row), position: Number(row['position']), claim: row['claim'] as string }))
      .toSorted((a, b) => b.priority - a.priority || a.position - b.position);
    for (const { claim } of claimed) this.#ours.set(claim, now + visibilityMs);
    this.#wakeWhenLapsed(visibilityMs);
    return claimed.map(({ position: _position, ...hint }) => hint);
  }

  async done(claims: readonly string[]): Promise<void> {
    if (claims.length === 0) return;
    await this.#connection.query({
      name: 'q-done',
      sql: 'delete from queue_hint where claim = any($1::text::text[])',
      params: [arrayOf(claims)],
    });
    for (const claim of claims) this.#ours.delete(claim);
  }

  async release(claims: readonly string[]): Promise<void> {
    if (claims.length === 0) return;
    await this.#connection.query(freeing(claims));
    for (const claim of claims) this.#ours.delete(claim);
    this.#wake();
    this.#tellOthers();
  }

  onAvailable(wake: () => void): () => void {
    this.#wakes.add(wake);
    this.#notices.listen();
    this.#lookLater();
    return () => {
      this.#wakes.delete(wake);
    };
  }

  async size(): Promise<number> {
    const { rows } = await this.#connection.query({
      name: 'q-size',
      rows: true,
      sql: 'select count(*) as hints from queue_hint',
      params: [],
    });
    return Number(rows[0]?.['hints'] ?? 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook?.();
    this.#cancelLapse?.();
    this.#wakes.clear();
    await Promise.all([this.#notifying, this.#looking]);
    await Promise.all([this.#notices.close(), this.#connection.close()]);
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** One notice at a time: what comes meanwhile shares the next. */
  #tellOthers(): void {
    if (this.#closed) return;
    if (this.#notifying !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#notifying = this.#connection
      .query(this.#notify)
      .catch(() => {})
      .finally(() => {
        this.#notifying = undefined;
        if (this.#again) this.#tellOthers();
      });
  }

  /** One timer at a time: claims that outlive it set the next. A wake too many is harmless. */
  #wakeWhenLapsed(ms: number): void {
    if (this.#cancelLapse !== undefined || this.#closed) return;
    this.#cancelLapse = this.#clock.after(ms, () => {
      this.#cancelLapse = undefined;
      if (this.#ours.size > 0) this.#wakeWhenLapsed(ms);
      this.#wake();
    });
  }

  #lookLater(): void {
    if (this.#cancelLook !== undefined || this.#closed) return;
    this.#cancelLook = this.#clock.after(lookMs, () => {
      this.#cancelLook = undefined;
      if (this.#wakes.size === 0) return;
      this.#looking ??= this.#look()
        // The queue is away: the next look finds it again.
        .catch(() => {})
        .finally(() => {
          this.#looking = undefined;
          this.#lookLater();
        });
    });
  }

  /** Q3, Q4 */
  async #look(): Promise<void> {
    const [free, claimed] = await this.#connection.trip([
      { name: 'q-free', rows: true, sql: 'select 1 as free from queue_hint where claim is null limit 1', params: [] },
      {
        name: 'q-claimed',
        rows: true,
        sql: 'select claim, visible_at from queue_hint where claim is not null order by position limit $1',
        params: [maxLooked],
      },
    ]);
    const now = this.#clock.monotonicMs();
    const seen = new Map<string, number>();
    const dead: string[] = [];
    for (const row of claimed?.rows ?? []) {
      const claim = row['claim'] as string;
      if (this.#ours.has(claim)) continue;
      const since = this.#others.get(claim) ?? now;
      if (now - since >= Number(row['visible_at'])) dead.push(claim);
      else seen.set(claim, since);
    }
    this.#others = seen;
    if (dead.length > 0) await this.#connection.query(freeing(dead));
    if (dead.length > 0 || (free?.rows.length ?? 0) > 0) this.#wake();
  }
}

/** As PostgreSQL writes an array of texts. */
const arrayOf = (texts: readonly string[]): string => `{${texts.map((text) => JSON.stringify(text)).join()}}`;

const freeing = (claims: readonly string[]): PgStatement => ({
  name: 'q-free-these',
  sql: `update queue_hint set claim = null, visible_at = 0
    where claim = any($1::text::text[])`,
  params: [arrayOf(claims)],
});

const hintOf = (row: { readonly [column: string]: unknown }): RunHint => ({
  tenant: row['tenant'] as string,
  runId: row['run_id'] as string,
  shard: Number(row['shard']),
  priority: Number(row['priority']),
  seq: Number(row['seq']),
});
