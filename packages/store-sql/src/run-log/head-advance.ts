import type { RunHead } from '@skein/ports';
import { dialectOf } from '../sql/dialect.ts';
import { manyUpdates } from '../sql/many-form.ts';
import { type Prepared, param, prepare } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';
import { type HeadValues, headValuesOf } from './head-row.ts';

/** Columns that are written together, and the values that decide whether they changed. */
const groups = [
  {
    names: ['status', 'startedAt', 'finishedAt', 'partial'],
    set: {
      status: param('status'),
      started_at: param('startedAt'),
      finished_at: param('finishedAt'),
      partial: param('partial'),
    },
  },
  { names: ['dueAt'], set: { due_at: param('dueAt') } },
  {
    names: ['priority', 'snapshotDigest'],
    set: { priority: param('priority'), snapshot_digest: param('snapshotDigest') },
  },
] as const satisfies readonly { readonly names: readonly (keyof HeadValues)[]; readonly set: object }[];

const advanceMany = manyUpdates('run_head', {
  seq: ['seq', 'bigint'],
  status: ['status', 'text'],
  startedAt: ['started_at', 'bigint'],
  finishedAt: ['finished_at', 'bigint'],
  partial: ['partial', 'integer'],
  dueAt: ['due_at', 'bigint'],
  priority: ['priority', 'integer'],
  snapshotDigest: ['snapshot_digest', 'text'],
});

type AdvanceValues = HeadValues & { readonly expected: number };

/**
 * The statement that moves a head on, under the guard of its sequence number. Where the head before is known, only what
 * changed is written: setting an indexed column rewrites its index entry even when the value stays. A head at one sequence
 * number never changes, so one that is remembered is true whenever the guard holds.
 */
export const createHeadAdvance = (
  queries: Queries,
): ((values: HeadValues, expected: number, known: RunHead | undefined) => Bound) => {
  const compiled = new Map<number, Prepared<AdvanceValues>>();
  const statementFor = (mask: number): Prepared<AdvanceValues> => {
    const parts = groups.filter((_, index) => (mask & (1 << index)) !== 0).map((group) => group.set);
    return prepare(
      queries
        .updateTable('run_head')
        .set(Object.assign({ seq: param('seq') }, ...parts))
        .where('tenant', '=', param<string>('tenant'))
        .where('run_id', '=', param<string>('runId'))
        .where('seq', '=', param<number>('expected')),
      dialectOf(queries).name === 'postgres' ? advanceMany : undefined,
    );
  };
  return (values, expected, known) => {
    const before = known?.seq === expected ? headValuesOf(known) : undefined;
    let mask = 0;
    for (const [index, { names }] of groups.entries()) {
      if (before === undefined || names.some((name) => before[name] !== values[name])) mask |= 1 << index;
    }
    let statement = compiled.get(mask);
    if (statement === undefined) {
      statement = statementFor(mask);
      compiled.set(mask, statement);
    }
    return statement({ ...values, expected });
  };
};
