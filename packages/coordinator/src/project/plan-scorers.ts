import type { DeclaredScorer, JsonValue } from '@skein/domain';
import { canonicalJson } from '@skein/domain';
import type { Publication } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { PlannedAgent } from './apply-plan.ts';

const byId = (scorers: readonly DeclaredScorer[]): ReadonlyMap<string, string> =>
  new Map(scorers.map((scorer) => [scorer.id, canonicalJson(scorer as unknown as JsonValue)]));

/** What becomes of the scorers of an agent; undefined when nothing does. Throws `unavailable`. */
export const planScorers = async (
  engine: Engine,
  { tenant, settings = [] }: Publication,
  agentId: string,
): Promise<PlannedAgent['scorers']> => {
  const next = settings.find((one) => one.agentId === agentId);
  if (next === undefined) return undefined;
  const before = byId((await engine.deps.projects.agentSettings(tenant, agentId))?.scorers ?? []);
  const after = byId(next.scorers);
  const added = [...after.keys()].filter((id) => !before.has(id));
  const removed = [...before.keys()].filter((id) => !after.has(id));
  const changed = [...after.keys()].filter((id) => before.has(id) && before.get(id) !== after.get(id));
  return added.length + removed.length + changed.length === 0 ? undefined : { added, removed, changed };
};
