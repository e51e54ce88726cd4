import { bound } from './prepared.ts';
import type { Queries } from './schema.ts';
import type { Committer } from './write-unit.ts';

/** As large as the largest fact. */
const probeBytes = 64 * 1024;

/**
 * Writes as much as the largest fact and removes it, in one durable commit: it needs the pages that an append needs, and leaves nothing
 * but free pages. Throws what an append would throw.
 */
export const probeWrite = async (queries: Queries, committer: Committer): Promise<void> => {
  const insert = queries.insertInto('write_probe').values({ id: 1, body: new Uint8Array(probeBytes) });
  const remove = queries.deleteFrom('write_probe');
  await committer.commit({ key: '', guards: [], writes: [bound(insert), bound(remove)] });
};
