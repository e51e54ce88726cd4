import { DomainError } from '@skein/domain';
import type { RawBuilder } from 'kysely';
import type { Queries } from '../sql/schema.ts';
import type { Bound, Committer, Guard, UnitLock, Write } from '../sql/write-unit.ts';
import type { SqlRow, SqlValue } from '../thread/sql-thread-messages.ts';

/** What the parts of the rollout store work with. */
export interface RolloutContext {
  readonly queries: Queries;
  readonly committer: Committer;
  /** A name for a write, unique for ever. */
  readonly nextCommitId: () => string;
}

/** SQL that the builder has no words for. */
export const boundSql = (queries: Queries, text: RawBuilder<unknown>): Bound => {
  const { sql, parameters } = text.compile(queries);
  return { sql, params: parameters as readonly SqlValue[] };
};

/** Commits statements that are safe to repeat and lose no race. */
export const commitAll = async (
  { committer }: RolloutContext,
  key: string,
  writes: readonly Write[],
  locks: readonly UnitLock[] = [],
): Promise<void> => {
  await committer.commit({ key, locks, guards: [], writes });
};

/** Commits a guard by itself. True when it changed a row, now or when its answer was lost: then `mine` finds our own. */
export const commitOnce = async (
  { committer }: RolloutContext,
  key: string,
  change: Bound,
  mine: Bound,
): Promise<boolean> => {
  const guard: Guard = { must: 'change', ...change, otherwise: mine };
  const outcome = await committer.commit({ key, guards: [guard], writes: [] });
  return outcome.status === 'done' || outcome.rows.length > 0;
};

/** The rows of a write that answers some. */
export const rowsAt = (results: readonly (readonly SqlRow[] | number)[], index: number): readonly SqlRow[] => {
  const rows = results[index];
  if (typeof rows === 'object') return rows;
  throw new DomainError('internal', 'a statement gave no rows');
};
