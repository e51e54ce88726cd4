import { DomainError, type RolloutUnit, type TallyKind, type TenantId } from '@skein/domain';
import type { Observation, RolloutStore } from '@skein/ports';
import { type Selectable, sql } from 'kysely';
import { dialectOf } from '../sql/dialect.ts';
import { rolloutLock } from '../sql/locks.ts';
import type { RolloutUnitTable } from '../sql/rollout-schema.ts';
import type { Queries } from '../sql/schema.ts';
import type { UnitLock } from '../sql/write-unit.ts';
import { boundSql, commitAll, type RolloutContext, rowsAt } from './rollout-context.ts';

type Units = Pick<
  RolloutStore,
  'readUnits' | 'unitsOfRun' | 'endUnits' | 'recordValues' | 'readTallies' | 'listObservations'
>;

/** Units with their values. What exposes and tallies them is written by the append itself. */
export const createRolloutUnits = (context: RolloutContext): Units => {
  const { queries, committer, nextCommitId } = context;
  return {
    readUnits: async (tenant, id, afterSeq, limit) => {
      const rows = await unitsQuery(queries)
        .where('tenant', '=', tenant)
        .where('rollout_id', '=', id)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit)
        .execute();
      return rows.map(unitOf);
    },
    unitsOfRun: async (tenant, runId) => {
      const rows = await unitsQuery(queries)
        .where('tenant', '=', tenant)
        .where('run_id', '=', runId)
        .orderBy('rollout_id')
        .orderBy('seq')
        .execute();
      return rows.map((row) => ({ ...unitOf(row), rolloutId: row.rollout_id }));
    },
    endUnits: async (tenant, ends) => {
      if (ends.length === 0) return;
      // The first end of a unit holds.
      const first = new Map(
        ends
          .toReversed()
          .map(({ rolloutId, seq, state, at }) => [`${rolloutId}\u0000${seq}`, [rolloutId, seq, state, at]]),
      );
      const end = sql`update rollout_unit set state = ending.state, ended_at = ending.at,
          unit = case ending.state when 'void' then 'void-' || rollout_unit.seq else rollout_unit.unit end
        from ${dialectOf(queries).rowsOf(JSON.stringify([...first.values()]), [
          ['rollout_id', 'text'],
          ['seq', 'bigint'],
          ['state', 'text'],
          ['at', 'bigint'],
        ])} as ending
        where rollout_unit.tenant = ${tenant} and rollout_unit.rollout_id = ending.rollout_id
          and rollout_unit.seq = ending.seq and rollout_unit.state = 'open'`;
      await commitAll(context, tenant, [boundSql(queries, end)], locksOf(tenant, ends));
    },
    recordValues: async (tenant, values) => {
      const wrong = values.find(({ value }) => value !== null && !Number.isFinite(value));
      if (wrong !== undefined) {
        const { metric, seq } = wrong;
        throw new DomainError('invalid_argument', 'a value must be a finite number or null', { metric, seq });
      }
      if (values.length === 0) return 0;
      const commitId = nextCommitId();
      const rows = values.map(({ rolloutId, seq, metric, value, at }) => [
        rolloutId,
        seq,
        metric,
        value === null ? null : String(value),
        at,
      ]);
      const given = sql`${dialectOf(queries).rowsOf(JSON.stringify(rows), [
        ['rollout_id', 'text'],
        ['seq', 'bigint'],
        ['metric', 'text'],
        ['value', 'text'],
        ['at', 'bigint'],
      ])} as given`;
      const insert = sql`insert into rollout_value (tenant, rollout_id, seq, metric, value, at, commit_id)
        select ${tenant}, given.rollout_id, given.seq, given.metric, given.value, given.at, ${commitId} from ${given}
        where exists (select 1 from rollout_unit as unit where unit.tenant = ${tenant}
          and unit.rollout_id = given.rollout_id and unit.seq = given.seq)
        on conflict (tenant, rollout_id, seq, metric) do nothing`;
      const count = sql`select count(*) as count from (
        select distinct stored.rollout_id, stored.seq, stored.metric from ${given} cross join rollout_value as stored
          where stored.tenant = ${tenant} and stored.rollout_id = given.rollout_id and stored.seq = given.seq
            and stored.metric = given.metric and stored.commit_id = ${commitId}) as ours`;
      const outcome = await committer.commit({
        key: tenant,
        locks: locksOf(tenant, values),
        guards: [],
        writes: [boundSql(queries, insert), { ...boundSql(queries, count), answers: 'rows' }],
        wantsResults: true,
      });
      return outcome.status === 'done' ? Number(rowsAt(outcome.results, 1)[0]?.['count']) : 0;
    },
    readTallies: async (tenant, id) => {
      const rows = await queries
        .selectFrom('rollout_tally')
        .select(['kind', 'count'])
        .where('tenant', '=', tenant)
        .where('rollout_id', '=', id)
        .execute();
      return Object.fromEntries(rows.map(({ kind, count }) => [kind, Number(count)])) as {
        [kind in TallyKind]?: number;
      };
    },
    listObservations: async (tenant, id, metric, limit, cursor) => {
      const after = cursor === undefined ? undefined : placeOf(cursor);
      const rows = await queries
        .selectFrom('rollout_value as value')
        .innerJoin('rollout_unit as unit', (join) =>
          join
            .onRef('unit.tenant', '=', 'value.tenant')
            .onRef('unit.rollout_id', '=', 'value.rollout_id')
            .onRef('unit.seq', '=', 'value.seq'),
        )
        .select([
          'value.seq',
          'unit.unit',
          'unit.arm',
          'unit.epoch',
          'value.metric',
          'value.value',
          'unit.run_id',
          'unit.at as assigned_at',
          'value.at',
        ])
        .where('value.tenant', '=', tenant)
        .where('value.rollout_id', '=', id)
        .where('unit.state', '<>', 'void')
        .$if(metric !== undefined, (query) => query.where('value.metric', '=', metric ?? ''))
        .$if(after !== undefined, (query) =>
          query.where((eb) =>
            eb(eb.refTuple('value.seq', 'value.metric'), '>', eb.tuple(after?.seq ?? 0, after?.metric ?? '')),
          ),
        )
        .orderBy('value.seq')
        .orderBy('value.metric')
        .limit(limit + 1)
        .execute();
      const items = rows.slice(0, limit).map(
        (row): Observation => ({
          seq: Number(row.seq),
          unit: row.unit,
          arm: Number(row.arm),
          epoch: Number(row.epoch),
          metric: row.metric,
          value: row.value === null ? null : Number(row.value),
          runId: row.run_id,
          assignedAt: Number(row.assigned_at),
          at: Number(row.at),
        }),
      );
      const last = items.at(-1);
      return rows.length > limit && last !== undefined
        ? { items, nextCursor: `${last.seq}.${last.metric}` }
        : { items };
    },
  };
};

/** Two calls that write the same units do it one after the other, and not beside an exposure. */
const locksOf = (tenant: TenantId, of: readonly { readonly rolloutId: string }[]): readonly UnitLock[] =>
  [...new Set(of.map(({ rolloutId }) => rolloutId))].map((id) => rolloutLock(tenant, id));

/** Units, each with a JSON object of its values as decimal texts. */
const unitsQuery = (queries: Queries) =>
  queries
    .selectFrom('rollout_unit')
    .selectAll()
    .select(
      sql<string>`(select ${dialectOf(queries).objectOf('metric', 'value')} from rollout_value
        where rollout_value.tenant = rollout_unit.tenant and rollout_value.rollout_id = rollout_unit.rollout_id
          and rollout_value.seq = rollout_unit.seq)`.as('values'),
    );

const unitOf = (row: Selectable<RolloutUnitTable> & { readonly values: string }): RolloutUnit => {
  const values = Object.entries(JSON.parse(row.values) as { readonly [metric: string]: string | null });
  return {
    seq: Number(row.seq),
    unit: row.unit,
    arm: Number(row.arm),
    epoch: Number(row.epoch),
    at: Number(row.at),
    runId: row.run_id,
    state: row.state,
    ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
    values: Object.fromEntries(values.map(([metric, value]) => [metric, value === null ? null : Number(value)])),
  };
};

const placeOf = (cursor: string): { readonly seq: number; readonly metric: string } => {
  const [, seq, metric] = /^(\d+)\.(.+)$/s.exec(cursor) ?? [];
  if (seq === undefined || metric === undefined) {
    throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
  }
  return { seq: Number(seq), metric };
};
