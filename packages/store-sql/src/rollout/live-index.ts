import { DomainError } from '@skein/domain';
import type { ReaderThread } from '../thread/reader-thread.ts';

const predicate = "statusin('active','paused')";

/**
 * Refuses a database that does not itself keep an agent from having two live rollouts (I1, O1): `internal`, and nothing is served.
 * The index must be unique, over exactly tenant and agent, and hold exactly the live ones.
 */
export const requireLiveIndex = async (reader: ReaderThread): Promise<void> => {
  const { rows: indexes } = await reader.query(
    `select list.name as name, master.sql as text from pragma_index_list('rollout') as list
      join sqlite_master as master on master.type = 'index' and master.name = list.name
      where list."unique" = 1 and list.partial = 1`,
    [],
  );
  for (const { name, text } of indexes) {
    const [, where = ''] = String(text).split(/\bwhere\b/i);
    if (where.replaceAll(/[\s"`]/g, '').toLowerCase() !== predicate) continue;
    const { rows } = await reader.query('select name, cid from pragma_index_info(?) order by seqno', [String(name)]);
    if (rows.map((column) => column['name']).join() === 'tenant,agent_id') return;
  }
  throw new DomainError(
    'internal',
    'the database lacks the unique index that allows one live rollout for each agent; it is not served',
    { table: 'rollout', index: 'rollout_live' },
  );
};
