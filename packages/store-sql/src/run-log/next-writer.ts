import { DomainError } from '@skein/domain';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** A short name for this opening of the database, unlike that of any other opening. */
export const nextWriter = async (queries: Queries, committer: Committer): Promise<string> => {
  const count = queries
    .insertInto('writer')
    .values({ name: 'run_log', openings: 1 })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ openings: sql<number>`writer.openings + 1` }))
    .returning('openings');
  const outcome = await committer.commit({
    key: '',
    guards: [],
    writes: [{ ...bound(count), answers: 'rows' }],
    wantsResults: true,
  });
  const rows = outcome.status === 'done' ? outcome.results[0] : undefined;
  const openings = typeof rows === 'object' ? rows[0]?.['openings'] : undefined;
  // A name that came twice would let one append take another's facts for its own.
  if (openings === undefined) throw new DomainError('internal', 'the opening of the database was not counted');
  return Number(openings).toString(36);
};
