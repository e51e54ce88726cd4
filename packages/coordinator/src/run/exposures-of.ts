import type { RolloutExposure, RunFact } from '@skein/domain';
import { parseStepPath, versionsOfStep } from '@skein/domain';
import type { RunActor } from './run-actor.ts';
import { rootOf } from './tree-sizes.ts';

/** A unit that a turn exposes, by the agent whose step is leased. */
export interface NewExposure {
  readonly agentId: string;
  readonly exposure: RolloutExposure;
}

/**
 * The units that these facts expose for the first time as far as this run knows: a step is leased of an agent whose version the segments of a
 * rollout chose. A called run exposes the unit of its root, which the store counts once.
 */
export const exposuresOf = ({ state, exposed }: RunActor, facts: readonly RunFact[]): readonly NewExposure[] => {
  const found = new Map<string, NewExposure>();
  for (const fact of facts) {
    if (fact.type !== 'step_leased') continue;
    const action = state.graph.byId.get(parseStepPath(fact.step)?.stepId ?? fact.step)?.action;
    if (action?.kind !== 'agent' || exposed.has(action.agent) || found.has(action.agent)) continue;
    const { source, rolloutId, unit, arm, epoch } = versionsOfStep(state, fact.step).agents[action.agent] ?? {};
    if (source !== 'segments' || rolloutId === undefined || unit === undefined) continue;
    if (arm === undefined || epoch === undefined) continue;
    const exposure = { rolloutId, unit, arm, epoch, at: fact.at, runId: rootOf(state) };
    found.set(action.agent, { agentId: action.agent, exposure });
  }
  return [...found.values()];
};
