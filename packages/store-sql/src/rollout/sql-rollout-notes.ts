import type { Evidence, RolloutEvent, Score } from '@skein/domain';
import type { RolloutStore } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import { commitAll, commitOnce, type RolloutContext } from './rollout-context.ts';

type Notes = Pick<
  RolloutStore,
  | 'loadEvidence'
  | 'saveEvidence'
  | 'readEvents'
  | 'eventTenants'
  | 'loadCursor'
  | 'saveCursor'
  | 'recordScore'
  | 'listScores'
>;

/** Evidence, events and their readers, scores: nothing of it changes how runs are routed. */
export const createRolloutNotes = (context: RolloutContext): Notes => {
  const { queries, nextCommitId } = context;
  return {
    loadEvidence: async (tenant, id) => {
      const row = await queries
        .selectFrom('rollout_evidence')
        .select(['version', 'evidence'])
        .where('tenant', '=', tenant)
        .where('rollout_id', '=', id)
        .executeTakeFirst();
      if (row === undefined) return { version: 0 };
      return { version: Number(row.version), evidence: JSON.parse(row.evidence) as Evidence };
    },
    saveEvidence: async (tenant, id, expectedVersion, evidence) => {
      const commitId = nextCommitId();
      const values = { version: expectedVersion + 1, evidence: JSON.stringify(evidence), commit_id: commitId };
      const save =
        expectedVersion === 0
          ? queries
              .insertInto('rollout_evidence')
              .values({ tenant, rollout_id: id, ...values })
              .onConflict((conflict) => conflict.doNothing())
          : queries
              .updateTable('rollout_evidence')
              .set(values)
              .where('tenant', '=', tenant)
              .where('rollout_id', '=', id)
              .where('version', '=', expectedVersion);
      const mine = queries
        .selectFrom('rollout_evidence')
        .select('version')
        .where('tenant', '=', tenant)
        .where('rollout_id', '=', id)
        .where('commit_id', '=', commitId);
      return commitOnce(context, tenant, bound(save), bound(mine));
    },
    readEvents: async (tenant, afterSeq, limit, rolloutId) => {
      const rows = await queries
        .selectFrom('rollout_event')
        .select(['seq', 'event'])
        .where('tenant', '=', tenant)
        .where('seq', '>', afterSeq)
        .$if(rolloutId !== undefined, (query) => query.where('rollout_id', '=', rolloutId ?? ''))
        .orderBy('seq')
        .limit(limit)
        .execute();
      const events = rows.map(({ seq, event }) => ({ ...(JSON.parse(event) as RolloutEvent), seq: Number(seq) }));
      return { events, nextSeq: events.at(-1)?.seq ?? afterSeq };
    },
    eventTenants: async () => {
      const rows = await queries.selectFrom('rollout_event').select('tenant').distinct().orderBy('tenant').execute();
      return rows.map(({ tenant }) => tenant);
    },
    loadCursor: async (tenant, webhook) => {
      const row = await queries
        .selectFrom('webhook_cursor')
        .select(['seq', 'failures', 'not_before'])
        .where('tenant', '=', tenant)
        .where('webhook', '=', webhook)
        .executeTakeFirst();
      if (row === undefined) return { seq: 0, failures: 0, notBefore: 0 };
      return { seq: Number(row.seq), failures: Number(row.failures), notBefore: Number(row.not_before) };
    },
    saveCursor: async (tenant, webhook, { seq, failures, notBefore }) => {
      const save = queries
        .insertInto('webhook_cursor')
        .values({ tenant, webhook, seq, failures, not_before: notBefore })
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'webhook']).doUpdateSet((eb) => ({
            seq: eb.ref('excluded.seq'),
            failures: eb.ref('excluded.failures'),
            not_before: eb.ref('excluded.not_before'),
          })),
        );
      await commitAll(context, tenant, [bound(save)]);
    },
    recordScore: async (tenant, score) => {
      const commitId = nextCommitId();
      const { runId, agentId, scorer, step } = score;
      const key = { tenant, run_id: runId, agent_id: agentId, scorer, step };
      const insert = queries
        .insertInto('score')
        .values({ ...key, score: JSON.stringify(score), commit_id: commitId })
        .onConflict((conflict) => conflict.doNothing());
      const mine = queries
        .selectFrom('score')
        .select('commit_id')
        .where((eb) => eb.and({ ...key, commit_id: commitId }));
      return commitOnce(context, tenant, bound(insert), bound(mine));
    },
    listScores: async (tenant, runId) => {
      const rows = await queries
        .selectFrom('score')
        .select('score')
        .where('tenant', '=', tenant)
        .where('run_id', '=', runId)
        .orderBy('agent_id')
        .orderBy('scorer')
        .orderBy('step')
        .execute();
      return rows.map(({ score }) => JSON.parse(score) as Score);
    },
  };
};

type Replays = Pick<RolloutStore, 'saveReplay' | 'findReplay' | 'listReplays'>;

/** Documents of replays. */
export const createReplays = (context: RolloutContext): Replays => {
  const { queries, nextCommitId } = context;
  return {
    saveReplay: async (tenant, { id, agentId, version, body, open, at }) => {
      const commitId = nextCommitId();
      const values = { agent_id: agentId, version: version + 1, body, open: open ? 1 : 0, at, commit_id: commitId };
      const save =
        version === 0
          ? queries
              .insertInto('replay')
              .values({ tenant, id, ...values })
              .onConflict((conflict) => conflict.doNothing())
          : queries
              .updateTable('replay')
              .set(values)
              .where('tenant', '=', tenant)
              .where('id', '=', id)
              .where('version', '=', version);
      const mine = queries
        .selectFrom('replay')
        .select('version')
        .where((eb) => eb.and({ tenant, id, commit_id: commitId }));
      return commitOnce(context, tenant, bound(save), bound(mine));
    },
    findReplay: async (tenant, id) => {
      const row = await queries
        .selectFrom('replay')
        .select(['version', 'body'])
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined ? undefined : { version: Number(row.version), body: row.body };
    },
    listReplays: async ({ tenant, agentId, open, limit }) => {
      const rows = await queries
        .selectFrom('replay')
        .select(['tenant', 'id', 'version', 'body'])
        .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
        .$if(agentId !== undefined, (query) => query.where('agent_id', '=', agentId ?? ''))
        // Spelled out, so that the partial index of open ones is used.
        .$if(open === true, (query) => query.where(sql<boolean>`open = 1`))
        .$if(open === false, (query) => query.where(sql<boolean>`open = 0`))
        .orderBy('at', 'desc')
        .orderBy('tenant', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ ...row, version: Number(row.version) }));
    },
  };
};
