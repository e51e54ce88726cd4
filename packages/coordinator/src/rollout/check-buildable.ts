import type { AgentDecision, Problem, RolloutRecord, SnapshotRequirements, TenantId } from '@skein/domain';
import { DomainError, defaultSnapshotLimits, isDomainError } from '@skein/domain';
import { buildSnapshot } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { pauseOf } from '../engine/pause-of.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { choicesOf } from '../submit/admission-plan.ts';
import { requirementsOf } from '../submit/tree-requirements.ts';

/** DAGs that are looked at: those that a project lists first. */
const maxDags = 200;

type Versions = { readonly [agentId: string]: AgentDecision['versionId'] };

/** What a DAG needs and the versions it gets now; undefined for one that does not use the agent, or cannot run as it is. */
const useOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  dag: IndexedDag,
): Promise<{ readonly requirements: SnapshotRequirements; readonly versions: Versions } | undefined> => {
  const { requirements, problems } = await requirementsOf(engine, tenant, dag);
  if (requirements === undefined || problems.length > 0) return undefined;
  if (!requirements.agents.some((one) => one.agentId === agentId && one.version === undefined)) return undefined;
  const versions: { [agentId: string]: string } = {};
  for (const required of requirements.agents) {
    const choices = await choicesOf(engine, tenant, required);
    if ('message' in choices) return undefined;
    const versionId = choices.explicit ?? choices.active;
    if (versionId !== undefined) versions[choices.agentId] = versionId;
  }
  return { requirements, versions };
};

/** Why a snapshot cannot be built; undefined when it can. Throws what passes. */
const problemOf = async (
  engine: Engine,
  tenant: TenantId,
  requirements: SnapshotRequirements,
  versions: Versions,
): Promise<string | undefined> => {
  const { projects, hasher, clock } = engine.deps;
  try {
    await buildSnapshot(
      { projects, hasher, limits: defaultSnapshotLimits, pause: pauseOf(clock) },
      { tenant, requirements, versions },
    );
    return undefined;
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return thrown.message;
  }
};

/**
 * Refuses a rollout with an arm whose snapshot cannot be built for a DAG that uses the agent now, and whose stable one can. Throws `unprocessable` with
 * every such arm, `unavailable`.
 */
export const checkBuildable = async (
  engine: Engine,
  { tenant, agentId, arms, type, stableVersionId }: RolloutRecord,
): Promise<void> => {
  const problems: Problem[] = [];
  for (const { name, digest } of (await engine.deps.projects.listDags(tenant)).slice(0, maxDags)) {
    const use = await useOf(engine, tenant, agentId, await engine.dags.byDigest(tenant, digest));
    if (use === undefined) continue;
    const { requirements, versions } = use;
    const build = (versionId: string) => problemOf(engine, tenant, requirements, { ...versions, [agentId]: versionId });
    for (const [arm, { versionId, label }] of arms.entries()) {
      if (arm === 0) continue;
      const problem = await build(versionId);
      // What the stable version lacks too says nothing of the candidate.
      if (problem === undefined || (await build(stableVersionId)) !== undefined) continue;
      const field = type === 'canary' ? 'candidateVersionId' : `arms[${arm}].versionId`;
      const message = `the snapshot of ${label} cannot be built for the DAG ${name}: ${problem}`;
      problems.push({ message, field, code: 'unprocessable' });
    }
  }
  const [first] = problems;
  if (first !== undefined) throw new DomainError('unprocessable', first.message, { problems });
};
