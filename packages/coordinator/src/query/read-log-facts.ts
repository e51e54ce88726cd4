import type { RunFact, RunId, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Facts that are read at once. */
const pageFacts = 1_000;

/**
 * The whole log of a run, page by page, so that nobody waits long for the store. Throws `not_found`, also (reason `pruned`) when retention
 * removed the facts: a log that is gone must not look empty; and `unavailable`.
 */
export const readLogFacts = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<readonly RunFact[]> => {
  const { runs } = engine.deps;
  const facts: RunFact[] = [];
  for (;;) {
    const page = await runs.readFacts(tenant, runId, facts.length, pageFacts);
    facts.push(...page);
    if (page.length === pageFacts) continue;
    const { prunedSeq } = (await runs.readHead(tenant, runId)) ?? {};
    if (prunedSeq === undefined) return facts;
    const message = `the log of run ${runId} was removed after its time: only its last state is kept`;
    throw new DomainError('not_found', message, { runId, reason: 'pruned', prunedSeq });
  }
};
