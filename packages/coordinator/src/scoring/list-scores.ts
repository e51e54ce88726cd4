import type { RunId, Score, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Runs of a tree whose scores are shown. */
const maxRuns = 500;

/** All scores of a run, and of the runs that it called. Empty for a run without any; `not_found` for an unknown one. */
export const listScores = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<readonly Score[]> => {
  const { runs, rollouts } = engine.deps;
  const head = await runs.readHead(tenant, runId);
  if (head === undefined) throw new DomainError('not_found', `there is no run ${runId}`, { runId });
  const scores: Score[] = [];
  const open = [head];
  for (let seen = 0; open.length > 0 && seen < maxRuns; seen += 1) {
    const next = open.shift();
    if (next === undefined) break;
    scores.push(...(await rollouts.listScores(tenant, next.runId)));
    const { dag } = await engine.dags.byDigest(tenant, next.dagDigest);
    const calls = [...dag.steps, ...Object.values(dag.handlers ?? {})].some(({ action }) => action.kind === 'call');
    if (!calls) continue;
    let cursor: string | undefined;
    do {
      const page = await runs.listRuns({
        tenant,
        parentRunId: next.runId,
        limit: 100,
        ...(cursor === undefined ? {} : { cursor }),
      });
      open.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined && open.length < maxRuns);
  }
  return scores;
};
