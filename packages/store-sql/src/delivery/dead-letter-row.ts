import type { DeadLetter } from '@skein/domain';
import type { Selectable } from 'kysely';
import { param, prepare } from '../sql/prepared.ts';
import type { DeadLetterTable, Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

type Columns = 'tenant' | 'id' | 'at' | 'kind' | 'runId' | 'reason' | 'status';
type Settled = 'settledAt' | 'settledBy' | 'redrivenRunId';

/** A row of `dead_letter` as the value that the ports know. */
export const deadLetterOf = (row: Selectable<DeadLetterTable>): DeadLetter => ({
  ...(JSON.parse(row.letter) as Omit<DeadLetter, Columns | Settled>),
  tenant: row.tenant,
  id: row.id,
  at: Number(row.at),
  kind: row.kind,
  runId: row.run_id,
  reason: row.reason,
  status: row.status,
  ...(row.settled_at === null ? {} : { settledAt: Number(row.settled_at) }),
  ...(row.settled_by === null ? {} : { settledBy: row.settled_by }),
  ...(row.redriven_run_id === null ? {} : { redrivenRunId: row.redriven_run_id }),
});

type Row = { readonly [column in Exclude<keyof DeadLetterTable, 'commit_id'>]: DeadLetterTable[column] };

/** The statement that stores a dead letter once; one whose id is taken is left as it is. */
export const createDeadLetterInsert = (queries: Queries): ((letter: DeadLetter) => Bound) => {
  const insert = prepare<Row>(
    queries
      .insertInto('dead_letter')
      .values({
        tenant: param('tenant'),
        id: param('id'),
        at: param('at'),
        kind: param('kind'),
        run_id: param('run_id'),
        reason: param('reason'),
        status: param('status'),
        letter: param('letter'),
        settled_at: param('settled_at'),
        settled_by: param('settled_by'),
        redriven_run_id: param('redriven_run_id'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing()),
  );
  return ({ tenant, id, at, kind, runId, reason, status, settledAt, settledBy, redrivenRunId, ...letter }) =>
    insert({
      tenant,
      id,
      at,
      kind,
      run_id: runId,
      reason,
      status,
      letter: JSON.stringify(letter),
      settled_at: settledAt ?? null,
      settled_by: settledBy ?? null,
      redriven_run_id: redrivenRunId ?? null,
    });
};
