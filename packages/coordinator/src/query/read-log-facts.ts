import type { RunFact, RunId, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Facts that are read at once. */
const pageFacts = 1_000;

/** The whole log of a run, page by page, so that nobody waits long for the store. Throws `not_found`, `unavailable`. */
export const readLogFacts = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<readonly RunFact[]> => {
  const facts: RunFact[] = [];
  for (;;) {
    const page = await engine.deps.runs.readFacts(tenant, runId, facts.length, pageFacts);
    facts.push(...page);
    if (page.length < pageFacts) return facts;
  }
};
