import type { RunFilter } from '@skein/ports';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { SqlDialect } from '../sql/dialect.ts';
import type { Queries, RunHeadTable } from '../sql/schema.ts';

const allShards = 256;

const heads = (queries: Queries, shards: readonly number[]) => {
  const query = queries.selectFrom('run_head');
  if (isEveryShard(shards)) return query;
  // An empty list is no SQL everywhere.
  return shards.length === 0 ? query.where(sql<boolean>`1 = 0`) : query.where('shard', 'in', [...shards]);
};

/** One row more than the page, to know whether another follows. Run ids rise with time, so the key gives the order. */
export const listQuery = (queries: Queries, { tenant, dag, status, parentRunId, limit, cursor }: RunFilter) => {
  let query = queries.selectFrom('run_head').selectAll().where('tenant', '=', tenant);
  // The planner takes the index of roots, or of children, only where the query names a parent or says that there is none.
  query =
    parentRunId === undefined
      ? query.where('parent_run_id', 'is', null)
      : query.where('parent_run_id', '=', parentRunId);
  if (dag !== undefined) query = query.where('dag', '=', dag);
  if (status !== undefined) query = query.where('status', '=', status);
  if (cursor !== undefined) query = query.where('run_id', '<', cursor);
  return query.orderBy('run_id', 'desc').limit(limit + 1);
};

/** Admitted and not terminal, the oldest first. */
export const openQuery = (queries: Queries, shards: readonly number[]) =>
  heads(queries, shards)
    .selectAll()
    .where(sql<boolean>`status in ('running', 'waiting')`)
    .orderBy('created_at')
    .orderBy('run_id');

/** Priority first; then in turns, so that each DAG of each tenant gives one run before any gives its second; then age. */
export const queuedQuery = (queries: Queries, shards: readonly number[], limit: number) =>
  queries
    .selectFrom(
      heads(queries, shards)
        .selectAll()
        .select((eb) =>
          eb.fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy(['priority', 'tenant', 'dag']).orderBy('created_at').orderBy('run_id'))
            .as('turn'),
        )
        .where(sql<boolean>`status = 'queued'`)
        .as('queued'),
    )
    .selectAll()
    .orderBy('priority', 'desc')
    .orderBy('turn')
    .orderBy('created_at')
    .orderBy('run_id')
    .limit(limit);

/**
 * The same for all shards, at a cost that does not grow with the queue: it walks from one DAG of one tenant to the next by the index
 * `run_head_turns`, and takes of each no more than could be answered.
 */
export const nextQueuedQuery = (
  limit: number,
  dialect: SqlDialect['name'] = 'sqlite',
): RawBuilder<Selectable<RunHeadTable>> => (dialect === 'sqlite' ? nextQueuedByRowid(limit) : nextQueuedLateral(limit));

const nextQueuedByRowid = (limit: number): RawBuilder<Selectable<RunHeadTable>> => sql`
  with recursive class(priority, tenant, dag) as (
    select * from (
      select priority, tenant, dag from run_head where status = 'queued' order by priority desc, tenant, dag limit 1
    )
    union all
    select next.priority, next.tenant, next.dag from class join run_head next on next.rowid = coalesce(
      (select head.rowid from run_head head
        where head.status = 'queued' and head.priority = class.priority and head.tenant = class.tenant and head.dag > class.dag
        order by head.dag limit 1),
      (select head.rowid from run_head head
        where head.status = 'queued' and head.priority = class.priority and head.tenant > class.tenant
        order by head.tenant, head.dag limit 1),
      (select head.rowid from run_head head
        where head.status = 'queued' and head.priority < class.priority
        order by head.priority desc, head.tenant, head.dag limit 1)
    )
  )
  select * from (
    select head.*,
      row_number() over (partition by head.priority, head.tenant, head.dag order by head.created_at, head.run_id) as turn
    from class join run_head head on head.rowid in (
      select each.rowid from run_head each
      where each.status = 'queued' and each.priority = class.priority and each.tenant = class.tenant and each.dag = class.dag
      order by each.created_at, each.run_id limit ${limit}
    )
  ) order by priority desc, turn, created_at, run_id limit ${limit}`;

/** PostgreSQL has no row ids, but joins that see the row before them. */
const nextQueuedLateral = (limit: number): RawBuilder<Selectable<RunHeadTable>> => sql`
  with recursive class(priority, tenant, dag) as (
    (select priority, tenant, dag from run_head where status = 'queued' order by priority desc, tenant, dag limit 1)
    union all
    select next.priority, next.tenant, next.dag from class cross join lateral (
      select steps.* from (
        (select 0 as step, head.priority, head.tenant, head.dag from run_head head
          where head.status = 'queued' and head.priority = class.priority and head.tenant = class.tenant and head.dag > class.dag
          order by head.dag limit 1)
        union all
        (select 1, head.priority, head.tenant, head.dag from run_head head
          where head.status = 'queued' and head.priority = class.priority and head.tenant > class.tenant
          order by head.tenant, head.dag limit 1)
        union all
        (select 2, head.priority, head.tenant, head.dag from run_head head
          where head.status = 'queued' and head.priority < class.priority
          order by head.priority desc, head.tenant, head.dag limit 1)
      ) as steps order by steps.step limit 1
    ) as next
  )
  select * from (
    select head.*,
      row_number() over (partition by head.priority, head.tenant, head.dag order by head.created_at, head.run_id) as turn
    from class cross join lateral (
      select each.* from run_head as each
      where each.status = 'queued' and each.priority = class.priority and each.tenant = class.tenant and each.dag = class.dag
      order by each.created_at, each.run_id limit ${limit}
    ) as head
  ) as queued order by priority desc, turn, created_at, run_id limit ${limit}`;

/** True when no shard is left out. */
export const isEveryShard = (shards: readonly number[]): boolean => new Set(shards).size === allShards;

/** Timers that are due, the oldest first. */
export const dueQuery = (queries: Queries, shards: readonly number[], now: number, limit: number) =>
  heads(queries, shards)
    .selectAll()
    .where('due_at', 'is not', null)
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .orderBy('run_id')
    .limit(limit);
