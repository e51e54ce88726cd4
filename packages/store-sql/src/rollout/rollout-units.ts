import { DomainError, isLive, isTerminalRollout, type RolloutRecord } from '@skein/domain';
import type { RolloutChange, RolloutStore } from '@skein/ports';
import { clearCandidate } from '../project/candidate-statements.ts';
import { raiseRevision } from '../project/publish-statements.ts';
import { projectLock, rolloutLock } from '../sql/locks.ts';
import type { Queries } from '../sql/schema.ts';
import type { Guard, UnitLock, UnitOutcome, Write, WriteUnit } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';
import {
  findActive,
  insertEvent,
  insertRollout,
  mayBegin,
  readRivals,
  replaceActive,
  updateRollout,
} from './rollout-statements.ts';

/*
 * Writes of rollouts as write units. A batch runs the guards of all its units before any write, so whatever a guard of another unit asks
 * about is changed by guards too: a rollout's row, and which version is active. The project's revision is the exception: admissions ask
 * about it once for a batch, and it is raised by writes. So an admission in one batch with a rollback comes before it, in the same commit, and
 * one that comes later finds another revision (I7).
 *
 * The event of a revision bears the name of the commit: a unit that is sent again, because the answer to its commit was lost, finds it.
 */

type Inserted = Awaited<ReturnType<RolloutStore['insert']>>;
type Updated = Awaited<ReturnType<RolloutStore['update']>>;

/** A write, ready to be committed, and how to read what became of it. */
export interface RolloutUnitOf<Outcome> {
  readonly unit: WriteUnit;
  readonly outcomeOf: (outcome: UnitOutcome) => Outcome;
}

/** What the rows of `readRivals` say. */
const rivalsOf = (
  rows: readonly SqlRow[],
  id: string,
): { readonly mine: boolean; readonly own?: RolloutRecord; readonly other?: RolloutRecord } => {
  const recordOf = (row: SqlRow | undefined) =>
    row === undefined ? undefined : (JSON.parse(row['record'] as string) as RolloutRecord);
  const own = recordOf(rows.find((row) => row['id'] === id));
  const other = recordOf(rows.find((row) => row['id'] !== id));
  return {
    mine: rows.some((row) => Number(row['mine']) > 0),
    ...(own === undefined ? {} : { own }),
    ...(other === undefined ? {} : { other }),
  };
};

const withCurrent = <Status extends string>(
  status: Status,
  current: RolloutRecord | undefined,
): { readonly status: Status; readonly current?: RolloutRecord } =>
  current === undefined ? { status } : { status, current };

/** Events are numbered, and the revision is raised, under the first; no unit is exposed beside the end of a rollout under the second. */
const locksOf = ({ tenant, id }: RolloutRecord): readonly UnitLock[] => [
  projectLock(tenant, 'exclusive'),
  rolloutLock(tenant, id),
];

const eventAndRevision = (queries: Queries, change: RolloutChange, commitId: string): Write[] => [
  insertEvent(queries, change, commitId),
  raiseRevision(queries, change.record.tenant),
];

/** `commitId` is unique for ever. */
export const insertUnit = (queries: Queries, change: RolloutChange, commitId: string): RolloutUnitOf<Inserted> => {
  const { record } = change;
  const { tenant, agentId, stableVersionId } = record;
  const rivals = readRivals(queries, record, commitId);
  return {
    unit: {
      key: tenant,
      locks: locksOf(record),
      guards: [
        { must: 'change', ...insertRollout(queries, record, commitId), otherwise: rivals },
        { must: 'exist', ...findActive(queries, tenant, agentId, stableVersionId) },
      ],
      writes: eventAndRevision(queries, change, commitId),
    },
    outcomeOf: (outcome) => {
      if (outcome.status === 'done') return { status: 'inserted' };
      if (outcome.guard > 0) return { status: 'stale' };
      const { mine, own, other } = rivalsOf(outcome.rows, record.id);
      return mine ? { status: 'inserted' } : withCurrent('conflict', own ?? other);
    },
  };
};

/** `commitId` is unique for ever. */
export const updateUnit = (queries: Queries, change: RolloutChange, commitId: string): RolloutUnitOf<Updated> => {
  const { record, activates } = change;
  const { tenant, id, agentId } = record;
  const otherwise = readRivals(queries, record, commitId);
  const guards: Guard[] = [];
  if (isLive(record.status)) guards.push({ must: 'exist', ...mayBegin(queries, record), otherwise });
  const update = guards.push({ must: 'change', ...updateRollout(queries, record, commitId), otherwise }) - 1;
  const writes = eventAndRevision(queries, change, commitId);
  if (activates !== undefined) {
    guards.push({ must: 'change', ...replaceActive(queries, record, activates, commitId), otherwise });
    writes.push(clearCandidate(queries, tenant, agentId, activates.versionId));
  }
  return {
    unit: { key: tenant, locks: locksOf(record), guards, writes },
    outcomeOf: (outcome) => {
      if (outcome.status === 'done') return { status: 'updated' };
      const { mine, own, other } = rivalsOf(outcome.rows, id);
      if (mine) return { status: 'updated' };
      if (outcome.guard !== update) return withCurrent('stale', own);
      const asExpected = own !== undefined && own.revision === record.revision - 1 && !isTerminalRollout(own.status);
      return withCurrent('conflict', asExpected ? (other ?? own) : own);
    },
  };
};

/** How a publication or an activation ends a rollout: a guard that may be repeated, what to do when it stops the unit, and the writes. */
export const endRollout = (
  queries: Queries,
  change: RolloutChange,
  commitId: string,
): {
  readonly guard: Guard;
  readonly refuse: (rows: readonly SqlRow[]) => never;
  readonly writes: readonly Write[];
} => {
  const { record } = change;
  return {
    guard: {
      must: 'change',
      ...updateRollout(queries, record, commitId, 'again'),
      otherwise: readRivals(queries, record, commitId),
    },
    refuse: (rows) => {
      // It was done, and a later write came before the repetition: what it did else cannot be told any more.
      if (rivalsOf(rows, record.id).mine) throw new DomainError('unavailable', 'the answer of the database was lost');
      throw liveRollout(record.agentId, record.id);
    },
    writes: [insertEvent(queries, change, commitId)],
  };
};

/** The refusal of I6. */
export const liveRollout = (agentId: string, rolloutId?: string): DomainError =>
  new DomainError('version_conflict', 'a rollout of the agent is live', {
    agentId,
    ...(rolloutId === undefined ? {} : { rolloutId }),
  });
