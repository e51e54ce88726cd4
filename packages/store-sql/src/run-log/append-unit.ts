import { checkAppend, DomainError, encodeFact } from '@skein/domain';
import type { AppendOutcome, AppendRequest, RunHead } from '@skein/ports';
import { createDeadLetterInsert } from '../delivery/dead-letter-row.ts';
import { createEventInsert } from '../delivery/delivery-event-row.ts';
import { createProposalInsert } from '../memory/proposal-row.ts';
import { createExposureInsert, createTallyCount } from '../rollout/exposure-statements.ts';
import { eventsLock, projectLock, rolloutLock, snapshotsLock } from '../sql/locks.ts';
import type { Queries } from '../sql/schema.ts';
import type { Guard, UnitLock, UnitOutcome, Write, WriteUnit } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';
import { createAppendStatements, type Mark } from './append-statements.ts';
import { headValuesOf } from './head-row.ts';
import { rowChecksum } from './row-checksum.ts';
import { createReferenceChanges } from './snapshot-references.ts';

/*
 * An append as a write unit: the head advances first, under a guard on its sequence number, and the row of facts follows
 * only if it did. Each append carries an id of its own, written with its facts: when a unit is sent again because the
 * answer to its commit was lost, the guard fails, and the id tells our own facts from another writer's. That guard comes before
 * those on snapshot and revision, which may have moved since an append that was made.
 */

/** An append, ready to be committed, and how to read what became of it. */
export interface AppendUnit {
  readonly unit: WriteUnit;
  /** Throws `version_conflict` when the snapshot is gone or the project has changed. */
  readonly outcomeOf: (outcome: UnitOutcome) => AppendOutcome;
}

/**
 * Builds the unit of an append. `commitId` is unique for ever; `known` is the head at `expectedSeq` when the caller remembers it.
 * Throws `too_large` and `invalid_argument`.
 */
export type AppendUnitBuilder = (request: AppendRequest, commitId: string, known: RunHead | undefined) => AppendUnit;

/** What an append that a guard stopped came to. */
type Stop = (rows: readonly SqlRow[]) => AppendOutcome;

/** Compiles the statements once. */
export const createAppendUnits = (queries: Queries): AppendUnitBuilder => {
  const statements = createAppendStatements(queries);
  const referenceChanges = createReferenceChanges(queries);
  const insertProposal = createProposalInsert(queries);
  const insertDeadLetter = createDeadLetterInsert(queries);
  const insertEvent = createEventInsert(queries);
  const insertExposure = createExposureInsert(queries);
  const countTally = createTallyCount(queries);

  /** The guards that move the head, or take its keys and create it. */
  const headGuards = (
    { creation, head, ...request }: AppendRequest,
    mark: Mark,
    known: RunHead | undefined,
  ): Guard[] => {
    const { tenant, runId, expectedSeq } = request;
    const values = headValuesOf(head);
    if (creation === undefined) {
      const advance = statements.advanceHead(values, expectedSeq, known);
      return [{ must: 'change', ...advance, otherwise: statements.readSeq(mark) }];
    }
    const guards: Guard[] = [];
    const { idempotency, fire } = creation;
    if (idempotency !== undefined) {
      const otherwise = statements.readKey({ ...mark, ...idempotency });
      guards.push({ must: 'change', ...statements.takeKey({ tenant, runId, ...idempotency }), otherwise });
    }
    if (fire !== undefined) {
      const otherwise = statements.readFire({ ...mark, ...fire, dag: head.dag });
      guards.push({ must: 'change', ...statements.takeFire({ tenant, runId, ...fire, dag: head.dag }), otherwise });
    }
    const { dag, dagDigest, shard, createdAt, retryOf = null, parentRunId = null, rootRunId = null } = head;
    const names = { dag, dagDigest, shard, createdAt, retryOf, parentRunId, rootRunId };
    const create = statements.createHead({ ...values, ...names });
    guards.push({ must: 'change', ...create, otherwise: statements.readSeq(mark) });
    return guards;
  };

  return (request, commitId, known) => {
    checkAppend(request);
    const { tenant, runId, expectedSeq, pinsSnapshot, expectsRevision } = request;
    const { proposals = [], deadLetters = [], events = [], exposures = [], tallies = [] } = request;
    const facts = `[${request.facts.map(encodeFact).join(',')}]`;
    const mark: Mark = { tenant, runId, first: expectedSeq + 1, commitId };
    const guards: Guard[] = [];
    const stops: Stop[] = [];
    const add = (guard: Guard, stop: Stop): void => {
      guards.push(guard);
      stops.push(stop);
    };
    const references = referenceChanges(request, known);
    for (const guard of references.before) add(guard, lostRace);
    for (const guard of headGuards(request, mark, known)) add(guard, lostRace);
    for (const guard of references.takes) add(guard, () => refuse(request.head.snapshotDigest));
    for (const { digest, guard } of references.holds) add(guard, () => refuse(digest));
    if (pinsSnapshot !== undefined && !(references.takes.length > 0 && pinsSnapshot === request.head.snapshotDigest)) {
      const find = statements.findSnapshot({ tenant, digest: pinsSnapshot });
      add({ must: 'exist', ...find }, () => refuse(pinsSnapshot));
    }
    if (expectsRevision !== undefined) {
      const find = statements.findRevision({ tenant, revision: expectsRevision });
      add({ must: 'hold', ...find }, () => {
        throw new DomainError('version_conflict', 'the project has changed', { expectsRevision });
      });
    }
    const checksum = rowChecksum(tenant, runId, mark.first, facts);
    const writes: Write[] = [statements.writeFacts({ ...mark, count: request.facts.length, facts, checksum })];
    for (const proposal of proposals) writes.push(insertProposal(tenant, proposal));
    for (const letter of deadLetters) writes.push(insertDeadLetter(letter));
    // The guard on the head keeps a repeated unit from storing them again.
    for (const event of events) writes.push(insertEvent(event, null));
    for (const exposure of exposures) writes.push(insertExposure(tenant, exposure));
    for (const tally of tallies) writes.push(countTally(tenant, tally));
    writes.push(...references.releases);
    return {
      unit: { key: `${tenant}\u0000${runId}`, locks: locksOf(request, references.locks), guards, writes },
      outcomeOf: (outcome) =>
        outcome.status === 'done' ? { status: 'appended' } : (stops[outcome.guard] ?? lostRace)(outcome.rows),
    };
  };
};

/** See docs/decisions/0011-postgresql.md. Most appends need none. */
const locksOf = (
  { tenant, pinsSnapshot, expectsRevision, events = [], exposures = [], tallies = [] }: AppendRequest,
  ofReferences: readonly UnitLock[],
): readonly UnitLock[] => [
  ...ofReferences,
  ...(pinsSnapshot === undefined ? [] : [snapshotsLock(tenant, 'shared')]),
  ...(expectsRevision === undefined ? [] : [projectLock(tenant, 'shared')]),
  ...[...exposures, ...tallies].map(({ rolloutId }) => rolloutLock(tenant, rolloutId)),
  ...events.map((event) => eventsLock(event.tenant)),
];

const refuse = (digest: string | undefined): never => {
  throw new DomainError('version_conflict', 'the snapshot is no longer stored', { digest });
};

const lostRace: Stop = ([row]) => {
  if (row === undefined) return { status: 'conflict', seq: 0 };
  if (Number(row['mine']) > 0) return { status: 'appended' };
  if (row['run_id'] === undefined) return { status: 'conflict', seq: Number(row['seq']) };
  return { status: 'duplicate', runId: row['run_id'] as string, sameBody: Number(row['same_body']) === 1 };
};
