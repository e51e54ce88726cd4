import { isLive, isTerminalRollout, type RolloutRecord, type TenantId, type VersionId } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { RolloutTable } from '../sql/rollout-schema.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';
import { boundSql } from './rollout-context.ts';

/** Spelled out, so that the partial index is used. */
export const live = sql<boolean>`status in ('active', 'paused')`;

const isTended = (record: RolloutRecord): boolean =>
  isLive(record.status) ||
  record.policyPending === true ||
  (record.status === 'draft' && record.replayGate !== undefined);

/** What a write of a rollout sets. */
const movingColumns = (
  record: RolloutRecord,
  commitId: string,
): Omit<RolloutTable, 'tenant' | 'id' | 'agent_id' | 'created_at'> => ({
  status: record.status,
  revision: record.revision,
  completed_at: isTerminalRollout(record.status) ? (record.completedAt ?? record.updatedAt) : null,
  tended: isTended(record) ? 1 : 0,
  candidates: JSON.stringify(record.arms.slice(1).map(({ versionId }) => versionId)),
  record: JSON.stringify(record),
  commit_id: commitId,
});

/** Changes a row unless the id is taken, or another live rollout has the agent: the index decides. */
export const insertRollout = (queries: Queries, record: RolloutRecord, commitId: string): Bound => {
  const { tenant, id, agentId, createdAt } = record;
  return bound(
    queries
      .insertInto('rollout')
      .values({ tenant, id, agent_id: agentId, created_at: createdAt, ...movingColumns(record, commitId) })
      .onConflict((conflict) => conflict.doNothing()),
  );
};

/**
 * Changes the row when it is one revision behind and not terminal but for the end of its run policy, unless another live rollout has the
 * agent.
 * With `again` it also changes the row that this very commit wrote, to what it is.
 */
export const updateRollout = (queries: Queries, record: RolloutRecord, commitId: string, again?: 'again'): Bound => {
  const values = movingColumns(record, commitId);
  // The index would refuse it too, but with an error. Every write of rollouts takes `projectLock`, so that none comes between.
  const alone = isLive(record.status)
    ? sql` and not exists (select 1 from rollout as other where other.tenant = ${record.tenant} and other.agent_id = ${record.agentId}
        and other.id <> ${record.id} and other.status in ('active', 'paused'))`
    : sql``;
  const ours = again === undefined ? sql`` : sql` or commit_id = ${commitId}`;
  return boundSql(
    queries,
    sql`update rollout set status = ${values.status}, revision = ${values.revision},
      completed_at = ${values.completed_at}, tended = ${values.tended}, candidates = ${values.candidates},
      record = ${values.record}, commit_id = ${values.commit_id}
      where tenant = ${record.tenant} and id = ${record.id}
      and ((revision = ${record.revision - 1} and (status in ('draft', 'active', 'paused')
        or (tended = 1 and ${values.tended} = 0 and status = ${values.status})))${ours})${alone}`,
  );
};

/** Why a write of a rollout was not made: the rollout, the live one of its agent, and whether its own event is there (`mine`). */
export const readRivals = (
  queries: Queries,
  { tenant, id, agentId, revision }: RolloutRecord,
  commitId: string,
): Bound =>
  bound(
    queries
      .selectFrom('rollout')
      .select((eb) => [
        'id',
        'record',
        eb
          .selectFrom('rollout_event')
          .select((event) => event.fn.countAll<number>().as('mine'))
          .where('tenant', '=', tenant)
          .where('rollout_id', '=', id)
          .where('revision', '=', revision)
          .where('commit_id', '=', commitId)
          .as('mine'),
      ])
      .where('tenant', '=', tenant)
      .where((eb) => eb.or([eb('id', '=', id), eb.and([eb('agent_id', '=', agentId), live])])),
  );

/** A row when the version is active. */
export const findActive = (queries: Queries, tenant: TenantId, agentId: string, versionId: VersionId): Bound =>
  bound(activeQuery(queries, tenant, agentId, versionId));

const activeQuery = (queries: Queries, tenant: TenantId, agentId: string, versionId: VersionId) =>
  queries
    .selectFrom('agent_active')
    .select('agent_id')
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where('version_id', '=', versionId);

/** A row unless the write would begin a draft whose stable version is not active any more. */
export const mayBegin = (queries: Queries, record: RolloutRecord): Bound => {
  const { tenant, id, agentId, revision, stableVersionId } = record;
  const draft = queries
    .selectFrom('rollout')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('status', '=', 'draft')
    .where('revision', '=', revision - 1);
  return bound(
    queries
      .selectNoFrom(sql<number>`1`.as('found'))
      .where((eb) =>
        eb.or([eb.not(eb.exists(draft)), eb.exists(activeQuery(queries, tenant, agentId, stableVersionId))]),
      ),
  );
};

/** A row when the version is active already, or no live rollout has the agent (I6). */
export const mayActivate = (queries: Queries, tenant: TenantId, agentId: string, versionId: VersionId): Bound => {
  const rollout = queries
    .selectFrom('rollout')
    .select('id')
    .where('tenant', '=', tenant)
    .where('agent_id', '=', agentId)
    .where(live);
  return bound(
    queries
      .selectNoFrom(sql<number>`1`.as('found'))
      .where((eb) => eb.or([eb.exists(activeQuery(queries, tenant, agentId, versionId)), eb.not(eb.exists(rollout))])),
  );
};

/** Changes a row when `expected` is active. */
export const replaceActive = (
  queries: Queries,
  { tenant, agentId }: RolloutRecord,
  { versionId, expected }: NonNullable<RolloutChange['activates']>,
  commitId: string,
): Bound =>
  bound(
    queries
      .updateTable('agent_active')
      .set({ version_id: versionId, commit_id: commitId })
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .where('version_id', '=', expected),
  );

/**
 * Numbers the event of a revision and stores it, once: the number follows that of the tenant's last event in the transaction itself, so
 * that one that is undone leaves no hole.
 */
export const insertEvent = (queries: Queries, { record, event }: RolloutChange, commitId: string): Bound => {
  const { seq: _, ...body } = event;
  return bound(
    queries
      .insertInto('rollout_event')
      .values({
        tenant: record.tenant,
        seq: sql<number>`1 + coalesce((select max(seq) from rollout_event where tenant = ${record.tenant}), 0)`,
        rollout_id: record.id,
        revision: record.revision,
        event: JSON.stringify(body),
        commit_id: commitId,
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'rollout_id', 'revision']).doNothing()),
  );
};
