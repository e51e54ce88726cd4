import type { AgentDecision, DomainError } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import { isPassing } from '../engine/is-passing.ts';
import type { StoredSnapshot } from './run-snapshots.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

/** An agent whose candidate cannot be built, and why. */
export interface UnbuildableArm {
  readonly agentId: string;
  readonly decision: AgentDecision;
  readonly error: DomainError;
}

/** True for a version that only a live rollout gives the run. */
const isCandidate = ({ source, arm = 0 }: AgentDecision): boolean =>
  arm > 0 && (source === 'segments' || source === 'forced');

const candidatesOf = (agents: Agents): readonly (readonly [string, AgentDecision])[] =>
  Object.entries(agents).filter(([, decision]) => isCandidate(decision));

/** What a run gets in the place of a candidate that cannot be built. */
export const inItsPlace = ({ memory: _copy, ...decision }: AgentDecision, stable: string): AgentDecision => ({
  ...decision,
  versionId: stable,
  source: 'stable',
  arm: 0,
  because: 'unbuildable',
});

/** Why these cannot be built; undefined when they can. Throws what passes. */
const problemOf = async (
  agents: Agents,
  build: (agents: Agents) => Promise<StoredSnapshot>,
): Promise<DomainError | undefined> => {
  try {
    await build(agents);
    return undefined;
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return thrown;
  }
};

/**
 * Whose candidates keep a snapshot from being built: those that cannot be built beside the stable versions of all others, else all together. Empty when
 * the stable versions alone cannot be built either: then no rollout is to blame. Throws what passes.
 */
export const unbuildableArms = async (
  agents: Agents,
  error: DomainError,
  stableOf: (agentId: string) => string | undefined,
  build: (agents: Agents) => Promise<StoredSnapshot>,
): Promise<readonly UnbuildableArm[]> => {
  const candidates = candidatesOf(agents);
  const stable: { [agentId: string]: AgentDecision } = { ...agents };
  for (const [agentId, decision] of candidates) {
    const versionId = stableOf(agentId);
    if (versionId === undefined) return [];
    stable[agentId] = inItsPlace(decision, versionId);
  }
  if (candidates.length === 0 || (await problemOf(stable, build)) !== undefined) return [];
  const all = candidates.map(([agentId, decision]) => ({ agentId, decision, error }));
  if (all.length === 1) return all;
  const guilty: UnbuildableArm[] = [];
  for (const { agentId, decision } of all) {
    const problem = await problemOf({ ...stable, [agentId]: decision }, build);
    if (problem !== undefined) guilty.push({ agentId, decision, error: problem });
  }
  return guilty.length > 0 ? guilty : all;
};
