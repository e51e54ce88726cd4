import type { RunId, TenantId } from '@skein/domain';
import type { StateCheckpoint } from '@skein/ports';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { StoreWatch } from '../sql/store-watch.ts';
import type { WriteUnit } from '../sql/write-unit.ts';
import { damaged } from './read-log.ts';
import { rowChecksum } from './row-checksum.ts';

/** The unit that saves a folded state; a later one that is stored already stays. */
export const checkpointUnit = (queries: Queries, { tenant, runId, seq, body }: StateCheckpoint): WriteUnit => {
  const save = queries
    .insertInto('run_checkpoint')
    .values({ tenant, run_id: runId, seq, body, checksum: rowChecksum(tenant, runId, seq, body) })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'run_id'])
        .doUpdateSet((eb) => ({
          seq: eb.ref('excluded.seq'),
          body: eb.ref('excluded.body'),
          checksum: eb.ref('excluded.checksum'),
        }))
        // At the same number it may be of a newer format.
        .whereRef('run_checkpoint.seq', '<=', 'excluded.seq'),
    );
  return { key: `${tenant}\u0000${runId}`, guards: [], writes: [bound(save)] };
};

/** A folded state that was found whole, and the number under which its bytes are known; null for one of an earlier version. */
export interface ProvenCheckpoint {
  readonly checkpoint: StateCheckpoint;
  readonly checksum: number | null;
}

/**
 * The folded state of a run. One that is damaged is as good as none, because the log can be folded from its start; it is told to the
 * operator. Throws `data_corrupt` where the log was removed, so that nothing else has what it had.
 */
export const readCheckpoint = async (
  { queries, watch }: { readonly queries: Queries; readonly watch: StoreWatch },
  tenant: TenantId,
  runId: RunId,
): Promise<ProvenCheckpoint | undefined> => {
  const row = await queries
    .selectFrom('run_head as head')
    .leftJoin('run_checkpoint as saved', (join) =>
      join.onRef('saved.tenant', '=', 'head.tenant').onRef('saved.run_id', '=', 'head.run_id'),
    )
    .select(['head.pruned_seq', 'saved.seq', 'saved.body', 'saved.checksum'])
    .where('head.tenant', '=', tenant)
    .where('head.run_id', '=', runId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { seq, body, checksum } = row;
  if (seq !== null && body !== null) {
    const checkpoint = { tenant, runId, seq: Number(seq), body: new Uint8Array(body) };
    const whole = checksum === null || rowChecksum(tenant, runId, checkpoint.seq, checkpoint.body) === Number(checksum);
    const needed = row.pruned_seq === null ? 0 : Number(row.pruned_seq);
    if (whole && checkpoint.seq >= needed) {
      return { checkpoint, checksum: checksum === null ? null : Number(checksum) };
    }
    if (row.pruned_seq === null) watch.checkpointIgnored(runId, checkpoint.seq);
  }
  if (row.pruned_seq === null) return undefined;
  throw damaged(runId, Number(row.pruned_seq), 'its facts were pruned, and the state that stands for them is damaged');
};
