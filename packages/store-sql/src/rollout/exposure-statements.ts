import type { RolloutExposure, RolloutTally, TenantId } from '@skein/domain';
import { sql } from 'kysely';
import { param, prepare } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

type Row = {
  readonly tenant: string;
  readonly rolloutId: string;
  readonly unit: string;
  readonly arm: number;
  readonly epoch: number;
  readonly at: number;
  readonly runId: string;
};

/**
 * The statement that numbers a unit and stores it, once per rollout, and not after the rollout's end: a run that was admitted before and is leased
 * later is no evidence. The number follows the last one in the transaction itself, and there is
 * one writer: whoever sees a number has seen all before it.
 */
export const createExposureInsert = (queries: Queries): ((tenant: TenantId, exposure: RolloutExposure) => Bound) => {
  const insert = prepare<Row>(
    queries
      .insertInto('rollout_unit')
      .columns(['tenant', 'rollout_id', 'seq', 'unit', 'arm', 'epoch', 'at', 'run_id', 'state'])
      .expression(
        queries
          .selectNoFrom([
            param<string>('tenant').as('tenant'),
            param<string>('rolloutId').as('rollout_id'),
            sql<number>`1 + coalesce((select max(seq) from rollout_unit
              where tenant = ${param('tenant')} and rollout_id = ${param('rolloutId')}), 0)`.as('seq'),
            param<string>('unit').as('unit'),
            param<number>('arm').as('arm'),
            param<number>('epoch').as('epoch'),
            param<number>('at').as('at'),
            param<string>('runId').as('run_id'),
            sql<'open'>`'open'`.as('state'),
          ])
          .where(
            sql<boolean>`not exists (select 1 from rollout where tenant = ${param('tenant')} and id = ${param('rolloutId')}
              and status in ('completed', 'rolled_back', 'cancelled'))`,
          ),
      )
      .onConflict((conflict) => conflict.columns(['tenant', 'rollout_id', 'unit']).doNothing()),
  );
  return (tenant, { rolloutId, unit, arm, epoch, at, runId }) =>
    insert({ tenant, rolloutId, unit, arm, epoch, at, runId });
};

/** The statement that counts an admission. A guard of its unit keeps it from being counted again. */
export const createTallyCount = (queries: Queries): ((tenant: TenantId, tally: RolloutTally) => Bound) => {
  const count = prepare<{ readonly tenant: string; readonly rolloutId: string; readonly kind: string }>(
    queries
      .insertInto('rollout_tally')
      .values({ tenant: param('tenant'), rollout_id: param('rolloutId'), kind: param('kind'), count: 1 })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'rollout_id', 'kind']).doUpdateSet({ count: sql<number>`rollout_tally.count + 1` }),
      ),
  );
  return (tenant, { rolloutId, kind }) => count({ tenant, rolloutId, kind });
};
