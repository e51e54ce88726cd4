import type { RunFilter } from '@skein/ports';
import { sql } from 'kysely';
import type { Queries } from '../sql/schema.ts';

const allShards = 256;

const heads = (queries: Queries, shards: readonly number[]) => {
  const query = queries.selectFrom('run_head');
  return new Set(shards).size === allShards ? query : query.where('shard', 'in', [...shards]);
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

/** Timers that are due, the oldest first. */
export const dueQuery = (queries: Queries, shards: readonly number[], now: number, limit: number) =>
  heads(queries, shards)
    .selectAll()
    .where('due_at', 'is not', null)
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .orderBy('run_id')
    .limit(limit);
