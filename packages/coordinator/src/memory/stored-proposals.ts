import type { StoredProposal } from '@skein/domain';
import type { ProposalFilter } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** Proposals in one page of the store. */
const pageSize = 1_000;

/** All proposals of a filter, oldest first, at most `max`. */
export const readProposals = async (
  engine: Engine,
  filter: Omit<ProposalFilter, 'limit' | 'cursor'>,
  max = Number.POSITIVE_INFINITY,
): Promise<readonly StoredProposal[]> => {
  const found: StoredProposal[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(pageSize, max - found.length);
    const page = await engine.deps.memory.listProposals({
      ...filter,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined && found.length < max);
  return found;
};
