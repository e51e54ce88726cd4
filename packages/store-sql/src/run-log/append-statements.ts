import { type ExpressionBuilder, sql } from 'kysely';
import { dialectOf } from '../sql/dialect.ts';
import { type ManyFormOf, manyInserts } from '../sql/many-form.ts';
import { param, prepare } from '../sql/prepared.ts';
import type { Queries, Schema } from '../sql/schema.ts';
import { createHeadAdvance } from './head-advance.ts';
import type { HeadValues } from './head-row.ts';

/** Where an append begins, and its name. */
export type Mark = {
  readonly tenant: string;
  readonly runId: string;
  readonly first: number;
  readonly commitId: string;
};

/** 1 if the facts of this very append are in the log. */
const mine = (eb: ExpressionBuilder<Schema, never>) =>
  eb
    .selectFrom('run_log')
    .select((log) => log.fn.countAll<number>().as('mine'))
    .where('tenant', '=', param<string>('tenant'))
    .where('run_id', '=', param<string>('runId'))
    .where('seq', '=', param<number>('first'))
    .where('commit_id', '=', param<string>('commitId'))
    .as('mine');

const manyOf = (queries: Queries): ManyFormOf | undefined =>
  dialectOf(queries).name === 'postgres'
    ? manyInserts({ first: 'bigint', count: 'integer', checksum: 'bigint' })
    : undefined;

/** The statements of appends, compiled once. */
export const createAppendStatements = (queries: Queries) => ({
  advanceHead: createHeadAdvance(queries),
  ...headStatements(queries),
  ...uniquenessStatements(queries),
  writeFacts: prepare<Mark & { readonly count: number; readonly facts: string; readonly checksum: number }>(
    queries.insertInto('run_log').values({
      tenant: param('tenant'),
      run_id: param('runId'),
      seq: param('first'),
      count: param('count'),
      facts: param('facts'),
      commit_id: param('commitId'),
      checksum: param('checksum'),
    }),
    manyOf(queries),
  ),
  findSnapshot: prepare<{ readonly tenant: string; readonly digest: string }>(
    queries
      .selectFrom('snapshot')
      .select('digest')
      .where('tenant', '=', param<string>('tenant'))
      .where('digest', '=', param<string>('digest')),
  ),
  // A tenant that never published has the revision 0, and no row.
  findRevision: prepare<{ readonly tenant: string; readonly revision: number }>(
    queries
      .selectNoFrom(sql<number>`1`.as('found'))
      .where((eb) =>
        eb(
          eb.fn.coalesce(
            eb.selectFrom('project').select('revision').where('tenant', '=', param<string>('tenant')),
            eb.lit(0),
          ),
          '=',
          param<number>('revision'),
        ),
      ),
  ),
});

const headStatements = (queries: Queries) => ({
  createHead: prepare<
    HeadValues & {
      readonly dag: string;
      readonly dagDigest: string;
      readonly shard: number;
      readonly createdAt: number;
      readonly retryOf: string | null;
      readonly parentRunId: string | null;
      readonly rootRunId: string | null;
    }
  >(
    queries
      .insertInto('run_head')
      .values({
        tenant: param('tenant'),
        run_id: param('runId'),
        dag: param('dag'),
        dag_digest: param('dagDigest'),
        status: param('status'),
        seq: param('seq'),
        shard: param('shard'),
        priority: param('priority'),
        created_at: param('createdAt'),
        started_at: param('startedAt'),
        finished_at: param('finishedAt'),
        snapshot_digest: param('snapshotDigest'),
        partial: param('partial'),
        retry_of: param('retryOf'),
        parent_run_id: param('parentRunId'),
        root_run_id: param('rootRunId'),
        due_at: param('dueAt'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'run_id']).doNothing()),
    manyOf(queries),
  ),
  readSeq: prepare<Mark>(
    queries
      .selectFrom('run_head')
      .select((eb) => ['seq', mine(eb as never)])
      .where('tenant', '=', param<string>('tenant'))
      .where('run_id', '=', param<string>('runId')),
  ),
});

const uniquenessStatements = (queries: Queries) => ({
  takeKey: prepare<{
    readonly tenant: string;
    readonly key: string;
    readonly runId: string;
    readonly bodyDigest: string;
  }>(
    queries
      .insertInto('run_key')
      .values({
        tenant: param('tenant'),
        key: param('key'),
        run_id: param('runId'),
        body_digest: param('bodyDigest'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'key']).doNothing()),
  ),
  readKey: prepare<Mark & { readonly key: string; readonly bodyDigest: string }>(
    queries
      .selectFrom('run_key')
      .select((eb) => [
        'run_id',
        sql<number>`case when body_digest = ${param('bodyDigest')} then 1 else 0 end`.as('same_body'),
        mine(eb as never),
      ])
      .where('tenant', '=', param<string>('tenant'))
      .where('key', '=', param<string>('key')),
  ),
  takeFire: prepare<{
    readonly tenant: string;
    readonly dag: string;
    readonly scheduleId: string;
    readonly nominalAt: number;
    readonly runId: string;
  }>(
    queries
      .insertInto('run_fire')
      .values({
        tenant: param('tenant'),
        dag: param('dag'),
        schedule_id: param('scheduleId'),
        nominal_at: param('nominalAt'),
        run_id: param('runId'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'dag', 'schedule_id', 'nominal_at']).doNothing()),
  ),
  readFire: prepare<Mark & { readonly dag: string; readonly scheduleId: string; readonly nominalAt: number }>(
    queries
      .selectFrom('run_fire')
      .select((eb) => ['run_id', sql<number>`1`.as('same_body'), mine(eb as never)])
      .where('tenant', '=', param<string>('tenant'))
      .where('dag', '=', param<string>('dag'))
      .where('schedule_id', '=', param<string>('scheduleId'))
      .where('nominal_at', '=', param<number>('nominalAt')),
  ),
});
