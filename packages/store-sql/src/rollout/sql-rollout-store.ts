import type { RolloutStore } from '@skein/ports';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import type { RolloutContext } from './rollout-context.ts';
import { createReplays, createRolloutNotes } from './sql-rollout-notes.ts';
import { createRolloutRecords } from './sql-rollout-records.ts';
import { createRolloutUnits } from './sql-rollout-units.ts';

/** Rollouts in SQL: durable writes through the committer, reads beside it. */
export const createSqlRolloutStore = (deps: {
  readonly committer: Committer;
  readonly queries: Queries;
  /** Unlike that of any other opening of the database; with the count it names each write for ever. */
  readonly writer: string;
}): RolloutStore => {
  let count = 0;
  const context: RolloutContext = {
    queries: deps.queries,
    committer: deps.committer,
    nextCommitId: () => {
      count += 1;
      return `${deps.writer}.r${count.toString(36)}`;
    },
  };
  return {
    ...createRolloutRecords(context),
    ...createRolloutUnits(context),
    ...createRolloutNotes(context),
    ...createReplays(context),
  };
};
