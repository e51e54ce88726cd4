import { DomainError } from '@skein/domain';
import type { SqlRunner } from '../sql/thread-dialect.ts';

/** As PostgreSQL writes `status in ('active', 'paused')`, without casts, blanks and brackets. */
const predicate = "status=anyarray['active','paused']";

const indexes = `select pg_get_expr(indexes.indpred, indexes.indrelid) as predicate,
    (select string_agg(columns.attname, ',' order by place.number)
      from unnest(indexes.indkey::int2[]) with ordinality as place(attribute, number)
      join pg_catalog.pg_attribute as columns
        on columns.attrelid = indexes.indrelid and columns.attnum = place.attribute) as columns
  from pg_catalog.pg_index as indexes
  join pg_catalog.pg_class as tables on tables.oid = indexes.indrelid
  join pg_catalog.pg_namespace as spaces on spaces.oid = tables.relnamespace
  where spaces.nspname = $1 and tables.relname = 'rollout' and indexes.indisunique and indexes.indisvalid
    and indexes.indpred is not null`;

/**
 * Refuses a database that does not itself keep an agent from having two live rollouts (I1, O1): `internal`, and nothing is served.
 * The index must be unique, over exactly tenant and agent, and hold exactly the live ones.
 */
export const requireLiveIndex = async (runner: SqlRunner, schema: string): Promise<void> => {
  const { rows } = await runner.query(indexes, [schema]);
  const held = rows.some(
    (row) =>
      row['columns'] === 'tenant,agent_id' &&
      typeof row['predicate'] === 'string' &&
      row['predicate']
        .replaceAll('::text', '')
        .replaceAll(/[\s"()]/g, '')
        .toLowerCase() === predicate,
  );
  if (held) return;
  throw new DomainError(
    'internal',
    'the database lacks the unique index that allows one live rollout for each agent; it is not served',
    { table: 'rollout', index: 'rollout_live' },
  );
};
