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
 * The statement that numbers a unit and stores it, once per rollout. The number follows the last one in the transaction itself, and there is
 * one writer: whoever sees a number has seen all before it.
 */
export const createExposureInsert = (queries: Queries): ((tenant: TenantId, exposure: RolloutExposure) => Bound) => {
  const insert = prepare<Row>(
    queries
      .insertInto('rollout_unit')
      .values({
        tenant: param('tenant'),
        rollout_id: param('rolloutId'),
        seq: sql<number>`1 + coalesce((select max(seq) from rollout_unit
          where tenant = ${param('tenant')} and rollout_id = ${param('rolloutId')}), 0)`,
        unit: param('unit'),
        arm: param('arm'),
        epoch: param('epoch'),
        at: param('at'),
        run_id: param('runId'),
        state: 'open',
      })
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
