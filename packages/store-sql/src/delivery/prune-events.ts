import { sql } from 'kysely';
import { dialectOf } from '../sql/dialect.ts';
import { eventsLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** So many rows go with one commit, so that no other waits long for it. */
const rowsPerCommit = 2_000;

/**
 * Removes from the beginning of each tenant's stream what is older than `before` (ms), and all but the newest `maxEvents`. Only a
 * beginning goes, so that one number per tenant tells what is missing; it is raised in the commit that removes. Returns how many went.
 */
export const pruneEvents = async (
  { committer, queries }: { readonly committer: Committer; readonly queries: Queries },
  before: number,
  maxEvents: number,
): Promise<number> => {
  const dialect = dialectOf(queries);
  const tenants = await queries.selectFrom('delivery_event').select('tenant').distinct().execute();
  let removed = 0;
  for (const { tenant } of tenants) {
    const ofTenant = queries.selectFrom('delivery_event').where('tenant', '=', tenant);
    const { first, last, young } = await queries
      .selectNoFrom([
        ofTenant.select((eb) => eb.fn.min<number | null>('seq').as('seq')).as('first'),
        ofTenant.select((eb) => eb.fn.max<number | null>('seq').as('seq')).as('last'),
        ofTenant.select('seq').where('at', '>=', before).orderBy('seq').limit(1).as('young'),
      ])
      .executeTakeFirstOrThrow();
    if (first === null || last === null) continue;
    const mark = Math.max(Number(last) - Math.max(0, maxEvents), young === null ? Number(last) : Number(young) - 1);
    for (let from = Number(first); from <= mark; from += rowsPerCommit) {
      const to = Math.min(mark, from + rowsPerCommit - 1);
      const raise = queries
        .insertInto('delivery_gap')
        .values({ tenant, pruned_seq: to })
        .onConflict((conflict) =>
          conflict.column('tenant').doUpdateSet({
            pruned_seq: dialect.greatest(sql.ref('delivery_gap.pruned_seq'), sql.ref('excluded.pruned_seq')),
          }),
        );
      const remove = queries.deleteFrom('delivery_event').where('tenant', '=', tenant).where('seq', '<=', to);
      const outcome = await committer.commit({
        key: tenant,
        locks: [eventsLock(tenant)],
        guards: [],
        writes: [bound(raise), bound(remove)],
        wantsResults: true,
      });
      const gone = outcome.status === 'done' ? outcome.results[1] : 0;
      removed += typeof gone === 'number' ? gone : 0;
    }
  }
  return removed;
};
