import type { AgentDecision, Problem, RequiredAgent, SnapshotRequirements, TenantId } from '@skein/domain';
import { forkScope } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import type { CachedAdmissions } from './admission-cache.ts';
import type { AgentChoices, Routes } from './agent-routes.ts';
import { readRoutes } from './agent-routes.ts';
import type { RunSnapshots } from './run-snapshots.ts';
import { requirementsOf } from './tree-requirements.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

/** All that the admissions of one DAG share at one revision of the project. */
export interface AdmissionPlan {
  readonly tenant: TenantId;
  readonly dag: IndexedDag;
  readonly revision: number;
  readonly requirements: SnapshotRequirements | undefined;
  readonly problems: readonly Problem[];
  readonly agents: readonly AgentChoices[];
  readonly routes: Routes;
  /** An agent of the tree has a live rollout: each run is decided by itself. */
  readonly isRouted: boolean;
  readonly snapshots: RunSnapshots;
  /** Versions of candidates that cannot be built: nobody gets them at this revision. `AGENT VERSION`. */
  readonly unbuildable: Set<string>;
  ahead: boolean;
}

/** What is known of an agent that is required; a problem when a pinned version does not exist. Throws `unavailable`. */
export const choicesOf = async (
  engine: Engine,
  tenant: TenantId,
  { agentId, version, askedBy }: RequiredAgent,
): Promise<AgentChoices | Problem> => {
  const { projects } = engine.deps;
  if (version === undefined) {
    const active = await projects.activeVersion(tenant, agentId);
    return active === undefined ? { agentId } : { agentId, active: active.versionId };
  }
  const explicit = await projects.findVersion(tenant, agentId, version);
  return explicit === undefined
    ? { message: `${askedBy} asks for the agent "${agentId}" in version ${version}, which does not exist` }
    : { agentId, explicit: explicit.versionId };
};

const readPlan = async (
  engine: Engine,
  cached: CachedAdmissions,
  tenant: TenantId,
  dag: IndexedDag,
): Promise<AdmissionPlan> => {
  const { requirements, problems } = await requirementsOf(engine, tenant, dag);
  const agents: AgentChoices[] = [];
  const all: Problem[] = [...problems];
  for (const required of requirements?.agents ?? []) {
    const choices = await choicesOf(engine, tenant, required);
    if ('message' in choices) all.push(choices);
    else agents.push(choices);
  }
  if (cached.routes === undefined) {
    const reading = readRoutes(engine, tenant);
    cached.routes = reading;
    reading.catch(() => {
      if (cached.routes === reading) delete cached.routes;
    });
  }
  const routes = await cached.routes;
  const isRouted = agents.some(({ agentId }) => routes.rollouts.has(agentId));
  const { revision, snapshots } = cached;
  const unbuildable = new Set<string>();
  return {
    tenant,
    dag,
    revision,
    requirements,
    problems: all,
    agents,
    routes,
    isRouted,
    snapshots,
    unbuildable,
    ahead: false,
  };
};

/** The plan of a DAG; those who ask at the same time share it. Throws `unavailable`. */
export const planAdmission = (
  engine: Engine,
  cached: CachedAdmissions,
  tenant: TenantId,
  dag: IndexedDag,
): Promise<AdmissionPlan> => {
  const known = cached.plans.get(dag.digest);
  if (known !== undefined) return known;
  const planning = readPlan(engine, cached, tenant, dag);
  cached.plans.set(dag.digest, planning);
  const forget = (): void => {
    if (cached.plans.get(dag.digest) === planning) cached.plans.delete(dag.digest);
  };
  // A plan with problems is looked at anew: what is missing may come without a publication of this DAG.
  planning.then((plan) => {
    if (plan.problems.length > 0) forget();
  }, forget);
  return planning;
};

/** Combinations of arms whose snapshots are built before a run asks for them; others are built when one does. */
const maxAhead = 16;

const decisionsOf = ({ agentId, explicit, active }: AgentChoices, routes: Routes): readonly AgentDecision[] => {
  const rollout = routes.rollouts.get(agentId);
  if (explicit !== undefined) return [{ versionId: explicit, source: 'explicit' }];
  if (rollout === undefined || routes.frozen.has(agentId))
    return active === undefined ? [] : [{ versionId: active, source: 'active' }];
  return rollout.arms.flatMap(({ versionId, parts }, arm): readonly AgentDecision[] => {
    const isForced = rollout.forced.some((one) => one.arm === arm);
    if (arm > 0 && parts === 0 && !isForced) return [];
    const decision = { versionId, source: 'segments', rolloutId: rollout.id, arm } as const;
    const isForked = arm > 0 && rollout.memory.mode === 'forked';
    return [isForked ? { ...decision, memory: forkScope({ agentId, rolloutId: rollout.id, arm }) } : decision];
  });
};

/** Builds the snapshots of all arms that a run of this DAG could get, once and beside everything else: the first run on a candidate waits for none. */
export const buildAhead = (
  engine: Engine,
  plan: AdmissionPlan,
  build: (requirements: SnapshotRequirements, agents: Agents) => Promise<unknown>,
): void => {
  const { requirements, agents, routes } = plan;
  if (plan.ahead || requirements === undefined || requirements.agents.length === 0) return;
  plan.ahead = true;
  let combinations: Agents[] = [{}];
  for (const choices of agents) {
    const decisions = decisionsOf(choices, routes);
    combinations = combinations
      .flatMap((before) => decisions.map((decision) => ({ ...before, [choices.agentId]: decision })))
      .slice(0, maxAhead);
  }
  void (async () => {
    for (const combination of combinations) {
      try {
        await build(requirements, combination);
      } catch (thrown) {
        engine.deps.log.warn('the snapshot of an arm cannot be built ahead', {
          dag: plan.dag.dag.name,
          error: thrown,
        });
      }
    }
  })();
};
