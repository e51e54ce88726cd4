import type { AgentFreeze, RolloutRecord, VersionId } from '@skein/domain';
import type { RolloutStore } from '@skein/ports';
import { sql } from 'kysely';
import { raiseRevision } from '../project/publish-statements.ts';
import { projectLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import { commitAll, type RolloutContext } from './rollout-context.ts';
import { live } from './rollout-statements.ts';
import { insertUnit, updateUnit } from './rollout-units.ts';

type Records = Pick<
  RolloutStore,
  'insert' | 'update' | 'find' | 'listLive' | 'listTended' | 'list' | 'rolledBack' | 'setFreeze' | 'listFreezes'
>;

const recordOf = (row: { readonly record: string }): RolloutRecord => JSON.parse(row.record) as RolloutRecord;

/** Rollouts and frozen agents: what routing depends on, so that each write raises the project's revision. */
export const createRolloutRecords = (context: RolloutContext): Records => {
  const { queries, committer, nextCommitId } = context;
  const records = () => queries.selectFrom('rollout').select('record');
  return {
    insert: async (change) => {
      const { unit, outcomeOf } = insertUnit(queries, change, nextCommitId());
      return outcomeOf(await committer.commit(unit));
    },
    update: async (change) => {
      const { unit, outcomeOf } = updateUnit(queries, change, nextCommitId());
      return outcomeOf(await committer.commit(unit));
    },
    find: async (tenant, id) => {
      const row = await records().where('tenant', '=', tenant).where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : recordOf(row);
    },
    listLive: async (tenant, agentId) => {
      const rows = await records()
        .where('tenant', '=', tenant)
        .$if(agentId !== undefined, (query) => query.where('agent_id', '=', agentId ?? ''))
        .where(live)
        .orderBy('id')
        .execute();
      return rows.map(recordOf);
    },
    listTended: async () =>
      (await records().where(sql<boolean>`tended = 1`).orderBy('tenant').orderBy('id').execute()).map(recordOf),
    list: async (tenant, agentId, page, perPage) => {
      const all = queries
        .selectFrom('rollout')
        .where('tenant', '=', tenant)
        .$if(agentId !== undefined, (query) => query.where('agent_id', '=', agentId ?? ''));
      const rows = await all
        .select('record')
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .$if(perPage > 0, (query) => query.limit(perPage).offset(page * perPage))
        .execute();
      const { total } = await all.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
      return { rollouts: rows.map(recordOf), total: Number(total) };
    },
    rolledBack: async (tenant, agentId) => {
      const rows = await queries
        .selectFrom('rollout')
        .select(['id', 'status', 'completed_at', 'candidates'])
        .where('tenant', '=', tenant)
        .where('agent_id', '=', agentId)
        .where('status', 'in', ['completed', 'rolled_back', 'cancelled'])
        .orderBy('completed_at')
        .orderBy('id')
        .execute();
      const last = new Map<VersionId, (typeof rows)[number]>();
      for (const row of rows) for (const id of JSON.parse(row.candidates) as VersionId[]) last.set(id, row);
      return [...last]
        .filter(([, { status }]) => status === 'rolled_back')
        .map(([versionId, { id, completed_at: at }]) => ({ versionId, at: Number(at), rolloutId: id }))
        .toSorted((a, b) => b.at - a.at || (a.versionId < b.versionId ? -1 : 1));
    },
    setFreeze: async (tenant, agentId, freeze) => {
      const change =
        freeze === undefined
          ? queries.deleteFrom('agent_freeze').where('tenant', '=', tenant).where('agent_id', '=', agentId)
          : queries
              .insertInto('agent_freeze')
              .values({ tenant, agent_id: agentId, freeze: JSON.stringify(freeze) })
              .onConflict((conflict) =>
                conflict.columns(['tenant', 'agent_id']).doUpdateSet((eb) => ({ freeze: eb.ref('excluded.freeze') })),
              );
      const locks = [projectLock(tenant, 'exclusive')];
      await commitAll(context, tenant, [bound(change), raiseRevision(queries, tenant)], locks);
    },
    listFreezes: async (tenant) => {
      const rows = await queries
        .selectFrom('agent_freeze')
        .select('freeze')
        .where('tenant', '=', tenant)
        .orderBy('agent_id')
        .execute();
      return rows.map(({ freeze }) => JSON.parse(freeze) as AgentFreeze);
    },
  };
};
