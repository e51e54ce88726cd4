import { type Digest, isTerminalRun } from '@skein/domain';
import type { AppendRequest, RunHead } from '@skein/ports';
import { sql } from 'kysely';
import { referencesLock, snapshotsLock } from '../sql/locks.ts';
import { param, prepare } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Guard, UnitLock, Write } from '../sql/write-unit.ts';

/*
 * References to snapshots are counted in the commits that change heads: `refs` is the number of heads that name the snapshot and are
 * not terminal.
 * F1 One is added among the guards, where a collection of the same batch sees it, and taken away among the writes, which follow.
 * F2 Where the head before is known, the count changes only if what the head holds does. Where it is not, the statements look at
 *    the stored head, before it advances.
 * F3 Batches change counts in one order, so that no two wait for one another.
 */

/** What an append does to the counts. */
export interface ReferenceChanges {
  /** Guards that look at the head before, so that they come before it advances. */
  readonly before: readonly Guard[];
  /** Guards that a snapshot which is not stored does not pass. */
  readonly takes: readonly Guard[];
  readonly releases: readonly Write[];
  /** The same for what an append holds beside its head, by digest. */
  readonly holds: readonly { readonly digest: Digest; readonly guard: Guard }[];
  /** F3: each count that changes, where it can be named; else all of the tenant. */
  readonly locks: readonly UnitLock[];
}

const nothing = { before: [], takes: [], releases: [], locks: [] };

/** The snapshot that a head refers to; one that has ended lets go of it. */
const heldBy = (head: RunHead): Digest | undefined => (isTerminalRun(head.status) ? undefined : head.snapshotDigest);

/** Compiles the statements once. */
export const createReferenceChanges = (
  queries: Queries,
): ((request: AppendRequest, known: RunHead | undefined) => ReferenceChanges) => {
  const statements = createStatements(queries);
  const ofHead = (
    { tenant, runId, expectedSeq, facts, head }: AppendRequest,
    known: RunHead | undefined,
  ): Omit<ReferenceChanges, 'holds'> => {
    const after = heldBy(head);
    const at = head.finishedAt ?? facts.at(-1)?.at ?? 0;
    const take = (digest: Digest): readonly Guard[] => [{ must: 'change', ...statements.take({ tenant, digest }) }];
    const locksOf = (...digests: readonly (Digest | undefined)[]): readonly UnitLock[] => [
      snapshotsLock(tenant, 'shared'),
      ...digests.flatMap((digest) => (digest === undefined ? [] : [referencesLock(tenant, digest)])),
    ];
    if (expectedSeq === 0) {
      return after === undefined ? nothing : { ...nothing, takes: take(after), locks: locksOf(after) };
    }
    if (known?.seq === expectedSeq) {
      const before = heldBy(known);
      if (before === after) return nothing;
      const takes = after === undefined ? [] : take(after);
      const releases = before === undefined ? [] : [statements.release({ tenant, digest: before, at })];
      return { before: [], takes, releases, locks: locksOf(before, after) };
    }
    const stored = { tenant, runId, expected: expectedSeq, after: after ?? '' };
    const guards: Guard[] = [{ must: 'run', ...statements.releaseStored({ ...stored, at }) }];
    if (after !== undefined) guards.push({ must: 'run', ...statements.takeStored(stored) });
    return { before: guards, takes: [], releases: [], locks: [snapshotsLock(tenant, 'exclusive')] };
  };
  return (request, known) => {
    const changes = ofHead(request, known);
    if (request.holds === undefined) return { ...changes, holds: [] };
    const { tenant, holds, head, facts } = request;
    const at = head.finishedAt ?? facts.at(-1)?.at ?? 0;
    const released = holds.release.map((digest) => statements.release({ tenant, digest, at }));
    return {
      ...changes,
      releases: [...changes.releases, ...released],
      locks: [
        ...changes.locks,
        snapshotsLock(tenant, 'shared'),
        ...[...holds.take, ...holds.release].map((digest) => referencesLock(tenant, digest)),
      ],
      holds: holds.take.map((digest) => ({
        digest,
        guard: { must: 'change', ...statements.take({ tenant, digest }) },
      })),
    };
  };
};

const createStatements = (queries: Queries) => {
  const take = queries
    .updateTable('snapshot')
    .set({ refs: sql<number>`refs + 1` })
    .where('tenant', '=', param<string>('tenant'));
  const release = queries
    .updateTable('snapshot')
    .set({
      refs: sql<number>`refs - 1`,
      last_used_at: sql<number>`case when last_used_at < ${param('at')} then ${param('at')} else last_used_at end`,
    })
    .where('tenant', '=', param<string>('tenant'));
  /** What the stored head holds: no row when it has ended. */
  const held = queries
    .selectFrom('run_head')
    .select('snapshot_digest')
    .where('tenant', '=', param<string>('tenant'))
    .where('run_id', '=', param<string>('runId'))
    .where('seq', '=', param<number>('expected'))
    .where(sql<boolean>`status in ('queued', 'running', 'waiting')`);
  return {
    take: prepare<{ readonly tenant: string; readonly digest: string }>(
      take.where('digest', '=', param<string>('digest')),
    ),
    release: prepare<{ readonly tenant: string; readonly digest: string; readonly at: number }>(
      release.where('digest', '=', param<string>('digest')),
    ),
    takeStored: prepare<Stored>(
      take
        .where('digest', '=', param<string>('after'))
        .where((eb) => eb.not(eb.exists(held.where('snapshot_digest', '=', param<string>('after'))))),
    ),
    releaseStored: prepare<Stored & { readonly at: number }>(
      release.where('digest', '=', held).where('digest', '<>', param<string>('after')),
    ),
  };
};

type Stored = {
  readonly tenant: string;
  readonly runId: string;
  readonly expected: number;
  readonly after: string;
};
