import { DomainError } from '@skein/domain';
import type { ReaderThread } from '../thread/reader-thread.ts';

const predicate = "statusin('active','paused')";

/** The unique partial indexes of rollouts: their text, and their columns in order. */
const indexes = `select master.sql as text,
    (select group_concat(coalesce(name, '?')) from (select name from pragma_index_info(list.name) order by seqno)) as columns
  from pragma_index_list('rollout') as list join sqlite_master as master on master.type = 'index' and master.name = list.name
  where list."unique" = 1 and list.partial = 1`;

/**
 * Refuses a database that does not itself keep an agent from having two live rollouts (I1, O1): `internal`, and nothing is served.
 * The index must be unique, over exactly tenant and agent, and hold exactly the live ones.
 */
export const requireLiveIndex = async (reader: ReaderThread): Promise<void> => {
  const { rows } = await reader.query(indexes, []);
  const held = rows.some(({ text, columns }) => {
    const [, where = ''] = typeof text === 'string' ? text.split(/\bwhere\b/i) : [];
    return columns === 'tenant,agent_id' && where.replaceAll(/[\s"`]/g, '').toLowerCase() === predicate;
  });
  if (held) return;
  throw new DomainError(
    'internal',
    'the database lacks the unique index that allows one live rollout for each agent; it is not served',
    { table: 'rollout', index: 'rollout_live' },
  );
};
