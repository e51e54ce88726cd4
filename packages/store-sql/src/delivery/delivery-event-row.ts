import { cleanText, type DeliveryEvent, type NumberedDeliveryEvent } from '@skein/domain';
import { type Selectable, sql } from 'kysely';
import { dialectOf } from '../sql/dialect.ts';
import { param, prepare } from '../sql/prepared.ts';
import type { DeliveryEventTable, Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

/** A row of `delivery_event` as the value that the ports know. */
export const deliveryEventOf = (row: Selectable<DeliveryEventTable>): NumberedDeliveryEvent => ({
  seq: Number(row.seq),
  tenant: row.tenant,
  kind: row.kind,
  at: Number(row.at),
  itemId: row.item_id,
  runId: row.run_id,
  step: row.step,
  reason: row.reason,
  ...(row.attempts === null ? {} : { attempts: row.attempts }),
  ...(row.age_ms === null ? {} : { ageMs: Number(row.age_ms) }),
});

type Row = { readonly [column in Exclude<keyof DeliveryEventTable, 'seq'>]: DeliveryEventTable[column] };

/**
 * The statement that numbers an event and stores it: the number follows that of the tenant's last event, stored or removed, in the
 * transaction itself, so that one that is undone leaves no hole; its unit takes `eventsLock`. `commitId` names an event that a repeated unit must not store again;
 * null where a guard of the unit sees to that.
 */
export const createEventInsert = (queries: Queries): ((event: DeliveryEvent, commitId: string | null) => Bound) => {
  const insert = prepare<Row>(
    queries
      .insertInto('delivery_event')
      .values({
        tenant: param('tenant'),
        seq: sql<number>`1 + ${dialectOf(queries).greatest(
          sql`coalesce((select max(seq) from delivery_event where tenant = ${param('tenant')}), 0)`,
          sql`coalesce((select pruned_seq from delivery_gap where tenant = ${param('tenant')}), 0)`,
        )}`,
        kind: param('kind'),
        at: param('at'),
        item_id: param('item_id'),
        run_id: param('run_id'),
        step: param('step'),
        reason: param('reason'),
        attempts: param('attempts'),
        age_ms: param('age_ms'),
        commit_id: param('commit_id'),
      })
      .onConflict((conflict) => conflict.column('commit_id').where('commit_id', 'is not', null).doNothing()),
  );
  return ({ tenant, kind, at, itemId, runId, step, reason, attempts, ageMs }, commitId) =>
    insert({
      tenant,
      kind,
      at,
      item_id: cleanText(itemId),
      run_id: runId,
      step,
      reason: cleanText(reason),
      attempts: attempts ?? null,
      age_ms: ageMs ?? null,
      commit_id: commitId,
    });
};
