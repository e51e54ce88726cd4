import type { RunId, TenantId } from '@skein/domain';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { StoreWatch } from '../sql/store-watch.ts';
import type { Committer } from '../sql/write-unit.ts';
import { readCheckpoint } from './state-checkpoints.ts';

/** Ended runs that were not pruned, the earliest end first. */
export const prunableQuery = (queries: Queries, before: number, limit: number) =>
  queries
    .selectFrom('run_head')
    .selectAll()
    // The planner takes the index only where the query spells its condition out.
    .where(sql<boolean>`finished_at is not null and pruned_seq is null`)
    .where('finished_at', '<', before)
    .where('status', 'in', ['succeeded', 'failed', 'cancelled'])
    .orderBy('finished_at')
    .orderBy('run_id')
    .limit(limit);

/**
 * See `RunStore.pruneRun`. The state that will stand for the facts is read and proven first; the commit asks again that it is still that
 * one. A state of an earlier version has no checksum, and removes nothing.
 */
export const pruneRun = async (
  deps: { readonly committer: Committer; readonly queries: Queries; readonly watch: StoreWatch },
  tenant: TenantId,
  runId: RunId,
): Promise<boolean> => {
  const { committer, queries } = deps;
  const ofRun = queries.selectFrom('run_head').where('tenant', '=', tenant).where('run_id', '=', runId);
  const head = await ofRun.select('pruned_seq').executeTakeFirst();
  if (head === undefined || head.pruned_seq !== null) return false;
  const proven = await readCheckpoint(deps, tenant, runId);
  if (proven === undefined || proven.checksum === null) return false;
  const mark = queries
    .updateTable('run_head')
    .set({ pruned_seq: proven.checkpoint.seq })
    .where('tenant', '=', tenant)
    .where('run_id', '=', runId)
    .where('seq', '=', proven.checkpoint.seq)
    .where('pruned_seq', 'is', null)
    .where('status', 'in', ['succeeded', 'failed', 'cancelled'])
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('run_checkpoint')
          .select('seq')
          .where('tenant', '=', tenant)
          .where('run_id', '=', runId)
          .where('seq', '=', proven.checkpoint.seq)
          .where('checksum', '=', proven.checksum),
      ),
    );
  const remove = queries.deleteFrom('run_log').where('tenant', '=', tenant).where('run_id', '=', runId);
  const outcome = await committer.commit({
    key: `${tenant}\u0000${runId}`,
    guards: [{ must: 'change', ...bound(mark), otherwise: bound(ofRun.select('pruned_seq')) }],
    writes: [bound(remove)],
  });
  // It was not pruned when we began: when it is now, this very commit, or one like it, did it.
  return outcome.status === 'done' || typeof outcome.rows[0]?.['pruned_seq'] === 'number';
};
