import { cleanText } from '@skein/domain';
import type { MemoryCommit } from '@skein/ports';
import { sql } from 'kysely';
import { raiseRevision } from '../project/publish-statements.ts';
import { projectLock, scopeLock } from '../sql/locks.ts';
import { bound, param, prepare } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound, Guard, UnitOutcome, Write, WriteUnit } from '../sql/write-unit.ts';

/*
 * A memory commit as a write unit. All that it compares is a guard: the scope's revision, then the status of each proposal.
 * Its id stands in every row that it changes, so that a unit which is sent again, because the answer to its commit was lost,
 * knows its own work from that of another.
 */

/** A memory commit, ready to be committed, and how to read what became of it. */
export interface MemoryUnit {
  readonly unit: WriteUnit;
  readonly outcomeOf: (outcome: UnitOutcome) => 'committed' | 'conflict';
}

type Change = {
  readonly tenant: string;
  readonly scope: string;
  readonly proposalId: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string | null;
  readonly revision: number | null;
  readonly commitId: string;
};

/** Compiles what is asked often once. `commitId` is unique for ever. */
export const createMemoryUnits = (queries: Queries): ((commit: MemoryCommit, commitId: string) => MemoryUnit) => {
  const changeProposal = prepare<Change>(
    queries
      .updateTable('memory_proposal')
      .set({
        status: param('to'),
        reason: param('reason'),
        // A revert leaves the revision that the proposal went into.
        revision: sql<number>`coalesce(${param('revision')}, revision)`,
        commit_id: param('commitId'),
      })
      .where('tenant', '=', param<string>('tenant'))
      .where('proposal_id', '=', param<string>('proposalId'))
      .where('scope', '=', param<string>('scope'))
      .where('status', '=', param<never>('from')),
  );
  const changedByUs = prepare<{ readonly tenant: string; readonly proposalId: string; readonly commitId: string }>(
    queries
      .selectFrom('memory_proposal')
      .select('proposal_id')
      .where('tenant', '=', param<string>('tenant'))
      .where('proposal_id', '=', param<string>('proposalId'))
      .where('commit_id', '=', param<string>('commitId')),
  );
  return (commit, commitId) => {
    const { tenant, scope, expectedRevision, next } = commit;
    const proposals = commit.proposals.map(({ proposalId, from, to, reason }): Guard => {
      const revision = to === 'folded' && next !== undefined ? expectedRevision + 1 : null;
      const change = { tenant, scope, proposalId, from, to, reason: reason ?? null, revision, commitId };
      return {
        must: 'change',
        ...changeProposal(change),
        otherwise: changedByUs({ tenant, proposalId, commitId }),
      };
    });
    const guards: Guard[] = [scopeGuard(queries, commit, commitId, proposals[0]?.otherwise), ...proposals];
    return {
      unit: {
        key: `${tenant}\u0000${scope}`,
        locks: [scopeLock(tenant, scope), ...(next === undefined ? [] : [projectLock(tenant, 'exclusive')])],
        guards,
        writes: writesOf(queries, commit, commitId),
      },
      // Only rows of ours are read when a guard stops the unit.
      outcomeOf: (outcome) => (outcome.status === 'done' || outcome.rows.length > 0 ? 'committed' : 'conflict'),
    };
  };
};

const scopeGuard = (
  queries: Queries,
  { tenant, scope, expectedRevision, next }: MemoryCommit,
  commitId: string,
  ours: Bound | undefined,
): Guard => {
  const memory = queries.selectFrom('memory').where('tenant', '=', tenant).where('scope', '=', scope);
  if (next === undefined) {
    const asExpected = queries
      .selectNoFrom(sql<number>`1`.as('found'))
      .where((eb) => eb(eb.fn.coalesce(memory.select('revision'), eb.lit(0)), '=', expectedRevision));
    return { must: 'exist', ...bound(asExpected), ...(ours === undefined ? {} : { otherwise: ours }) };
  }
  const row = { revision: expectedRevision + 1, text: cleanText(next.text), commit_id: commitId };
  const advance =
    expectedRevision === 0
      ? queries
          .insertInto('memory')
          .values({ tenant, scope, ...row })
          .onConflict((conflict) => conflict.columns(['tenant', 'scope']).doNothing())
      : queries
          .updateTable('memory')
          .set(row)
          .where('tenant', '=', tenant)
          .where('scope', '=', scope)
          .where('revision', '=', expectedRevision);
  const written = queries
    .selectFrom('memory_history')
    .select('revision')
    .where('tenant', '=', tenant)
    .where('scope', '=', scope)
    .where('revision', '=', expectedRevision + 1)
    .where('commit_id', '=', commitId);
  return { must: 'change', ...bound(advance), otherwise: bound(written) };
};

const writesOf = (
  queries: Queries,
  { tenant, scope, expectedRevision, next, at }: MemoryCommit,
  commitId: string,
): readonly Write[] => {
  if (next === undefined) return [];
  const history = queries.insertInto('memory_history').values({
    tenant,
    scope,
    revision: expectedRevision + 1,
    text: cleanText(next.text),
    at,
    change: JSON.stringify(next.change),
    commit_id: commitId,
  });
  return [bound(history), raiseRevision(queries, tenant)];
};
