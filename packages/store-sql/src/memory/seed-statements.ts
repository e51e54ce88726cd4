import { cleanText, type TenantId } from '@skein/domain';
import type { Publication } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

/** Writes a note where there is none. */
export const seedMemory = (
  queries: Queries,
  tenant: TenantId,
  { scope, text }: Publication['memory'][number],
  commitId: string,
): Bound =>
  bound(
    queries
      .insertInto('memory')
      .values({ tenant, scope, revision: 1, text: cleanText(text), commit_id: commitId })
      .onConflict((conflict) => conflict.columns(['tenant', 'scope']).doNothing()),
  );

/** The history of a note that this commit seeded, and nothing when the note is another's. */
export const seedHistory = (queries: Queries, tenant: TenantId, scope: string, at: number, commitId: string): Bound =>
  bound(
    queries
      .insertInto('memory_history')
      .columns(['tenant', 'scope', 'revision', 'text', 'at', 'change', 'commit_id'])
      .expression((eb) =>
        eb
          .selectFrom('memory')
          .select([
            'tenant',
            'scope',
            'revision',
            'text',
            sql<number>`${at}`.as('at'),
            sql<string>`'{"kind":"seed"}'`.as('change'),
            'commit_id',
          ])
          .where('tenant', '=', tenant)
          .where('scope', '=', scope)
          .where('commit_id', '=', commitId),
      )
      .onConflict((conflict) => conflict.columns(['tenant', 'scope', 'revision']).doNothing()),
  );

/** A row when this commit seeded the note. */
export const seededBy = (queries: Queries, tenant: TenantId, scope: string, commitId: string): Bound =>
  bound(
    queries
      .selectFrom('memory_history')
      .select('revision')
      .where('tenant', '=', tenant)
      .where('scope', '=', scope)
      .where('revision', '=', 1)
      .where('commit_id', '=', commitId),
  );
