import { checkAppend, DomainError, encodeFact } from '@skein/domain';
import type { AppendOutcome, AppendRequest, RunHead } from '@skein/ports';
import { type ExpressionBuilder, sql } from 'kysely';
import { param, prepare } from '../sql/prepared.ts';
import type { Queries, Schema } from '../sql/schema.ts';
import type { Guard, UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import { createHeadAdvance } from './head-advance.ts';
import { type HeadValues, headValuesOf } from './head-row.ts';

/*
 * An append as a write unit: the head advances first, under a guard on its sequence number, and the row of facts follows
 * only if it did. Each append carries an id of its own, written with its facts: when a unit is sent again because the
 * answer to its commit was lost, the guard fails, and the id tells our own facts from another writer's.
 */

type Mark = { readonly tenant: string; readonly runId: string; readonly first: number; readonly commitId: string };

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

const createStatements = (queries: Queries) => ({
  advanceHead: createHeadAdvance(queries),
  ...headStatements(queries),
  ...uniquenessStatements(queries),
  writeFacts: prepare<Mark & { readonly count: number; readonly facts: string }>(
    queries.insertInto('run_log').values({
      tenant: param('tenant'),
      run_id: param('runId'),
      seq: param('first'),
      count: param('count'),
      facts: param('facts'),
      commit_id: param('commitId'),
    }),
  ),
  findSnapshot: prepare<{ readonly tenant: string; readonly digest: string }>(
    queries
      .selectFrom('snapshot')
      .select('digest')
      .where('tenant', '=', param<string>('tenant'))
      .where('digest', '=', param<string>('digest')),
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
        due_at: param('dueAt'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'run_id']).doNothing()),
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

/** An append, ready to be committed, and how to read what became of it. */
export interface AppendUnit {
  readonly unit: WriteUnit;
  /** Throws `version_conflict` when the pinned snapshot is gone. */
  readonly outcomeOf: (outcome: UnitOutcome) => AppendOutcome;
}

/**
 * Builds the unit of an append. `commitId` is unique for ever; `known` is the head at `expectedSeq` when the caller remembers it.
 * Throws `too_large` and `invalid_argument`.
 */
export type AppendUnitBuilder = (request: AppendRequest, commitId: string, known: RunHead | undefined) => AppendUnit;

/** Compiles the statements once. */
export const createAppendUnits = (queries: Queries): AppendUnitBuilder => {
  const statements = createStatements(queries);
  return (request, commitId, known) => {
    checkAppend(request);
    const { tenant, runId, expectedSeq, head, creation, pinsSnapshot } = request;
    const facts = `[${request.facts.map(encodeFact).join(',')}]`;
    const mark: Mark = { tenant, runId, first: expectedSeq + 1, commitId };
    const values = headValuesOf(head);
    const guards: Guard[] = [];
    if (pinsSnapshot !== undefined) {
      guards.push({ must: 'exist', ...statements.findSnapshot({ tenant, digest: pinsSnapshot }) });
    }
    if (creation === undefined) {
      const advance = statements.advanceHead(values, expectedSeq, known);
      guards.push({ must: 'change', ...advance, otherwise: statements.readSeq(mark) });
    } else {
      const { idempotency, fire } = creation;
      if (idempotency !== undefined) {
        const otherwise = statements.readKey({ ...mark, ...idempotency });
        guards.push({ must: 'change', ...statements.takeKey({ tenant, runId, ...idempotency }), otherwise });
      }
      if (fire !== undefined) {
        const otherwise = statements.readFire({ ...mark, ...fire, dag: head.dag });
        guards.push({ must: 'change', ...statements.takeFire({ tenant, runId, ...fire, dag: head.dag }), otherwise });
      }
      const { dag, dagDigest, shard, createdAt, retryOf = null } = head;
      const create = statements.createHead({ ...values, dag, dagDigest, shard, createdAt, retryOf });
      guards.push({ must: 'change', ...create, otherwise: statements.readSeq(mark) });
    }
    const writes = [statements.writeFacts({ ...mark, count: request.facts.length, facts })];
    return {
      unit: { key: `${tenant}\u0000${runId}`, guards, writes },
      outcomeOf: (outcome) => outcomeOf(outcome, guards, pinsSnapshot),
    };
  };
};

const outcomeOf = (outcome: UnitOutcome, guards: readonly Guard[], pinsSnapshot: string | undefined): AppendOutcome => {
  if (outcome.status === 'done') return { status: 'appended' };
  if (guards[outcome.guard]?.must === 'exist') {
    throw new DomainError('version_conflict', 'the snapshot is no longer stored', { digest: pinsSnapshot });
  }
  const row = outcome.rows[0];
  if (row === undefined) return { status: 'conflict', seq: 0 };
  if (Number(row['mine']) > 0) return { status: 'appended' };
  if (row['run_id'] === undefined) return { status: 'conflict', seq: Number(row['seq']) };
  return { status: 'duplicate', runId: row['run_id'] as string, sameBody: Number(row['same_body']) === 1 };
};
