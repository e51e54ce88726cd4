import type {
  AgentDecision,
  DomainError,
  Problem,
  RolloutRecord,
  RolloutTally,
  RunCommand,
  SnapshotRequirements,
  TenantId,
  VersionDecision,
} from '@skein/domain';
import { isDomainError, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { boundError } from '../run/bound-error.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { Admission, AdmittedWith, RunToAdmit } from './admission.ts';
import { admittedBy, rejected } from './admission.ts';
import { cachedFor, forgetPlans } from './admission-cache.ts';
import type { AdmissionPlan } from './admission-plan.ts';
import { buildAhead, planAdmission } from './admission-plan.ts';
import type { Routes } from './agent-routes.ts';
import { routeAgent } from './agent-routes.ts';
import { prepareRetry } from './prepare-retry.ts';
import type { StoredSnapshot } from './run-snapshots.ts';
import { storeSnapshot } from './run-snapshots.ts';
import { needsNothing } from './tree-requirements.ts';
import { inItsPlace, unbuildableArms } from './unbuildable-arms.ts';

type Agents = AdmittedWith['agents'];

/** Characters of a problem that the explanation of a pause repeats. */
const maxWords = 500;

const problemsOf = (thrown: DomainError): readonly Problem[] => {
  const problems = (thrown.details as { readonly problems?: readonly Problem[] } | undefined)?.problems;
  return problems ?? [{ message: thrown.message, code: thrown.code }];
};

const nameOf = (agentId: string, { versionId }: AgentDecision): string => `${agentId} ${versionId}`;

/** The stable version in the place of a candidate that is known not to be built. */
const withoutUnbuildable = (
  found: VersionDecision,
  { stableVersionId }: RolloutRecord,
  agentId: string,
  unbuildable: ReadonlySet<string>,
): VersionDecision =>
  (found.decision.arm ?? 0) > 0 && unbuildable.has(nameOf(agentId, found.decision))
    ? { decision: inItsPlace(found.decision, stableVersionId), tally: 'unbuildable' }
    : found;

/** The versions of all agents for one run, and how each live rollout counts it. */
const decideAgents = (
  engine: Engine,
  { agents, unbuildable }: AdmissionPlan,
  routes: Routes,
  run: RunToAdmit | undefined,
): { readonly agents: Agents; readonly tallies: readonly RolloutTally[] } => {
  const decided: { [agentId: string]: AgentDecision } = {};
  const tallies: RolloutTally[] = [];
  const keys = run?.dag.dag.routing?.keys;
  for (const choices of agents) {
    const { agentId } = choices;
    const routed = routeAgent(engine, choices, routes, run, keys);
    if (routed === undefined) continue;
    const rollout = routes.rollouts.get(agentId);
    const found = rollout === undefined ? routed : withoutUnbuildable(routed, rollout, agentId, unbuildable);
    decided[agentId] = found.decision;
    if (found.tally === undefined || rollout === undefined) continue;
    tallies.push({ rolloutId: rollout.id, kind: found.tally });
    const { arm } = found.decision;
    if (found.tally === 'routed' && arm !== undefined) tallies.push({ rolloutId: rollout.id, kind: `arm:${arm}` });
  }
  return { agents: decided, tallies };
};

const snapshotOf = (
  engine: Engine,
  { tenant, dag, routes, snapshots }: AdmissionPlan,
  requirements: SnapshotRequirements,
  agents: Agents,
): Promise<StoredSnapshot> =>
  snapshots.get(dag.digest, agents, () => storeSnapshot(engine, tenant, requirements, agents, routes));

/**
 * Notes candidates that keep a snapshot from being built, so that nobody gets them, and has their rollouts paused. False when it is no candidate that
 * does. Throws what passes.
 */
const noteUnbuildable = async (
  engine: Engine,
  plan: AdmissionPlan,
  requirements: SnapshotRequirements,
  agents: Agents,
  error: DomainError,
): Promise<boolean> => {
  const { rollouts } = plan.routes;
  const found = await unbuildableArms(
    agents,
    error,
    (agentId) => rollouts.get(agentId)?.stableVersionId,
    (chosen) => snapshotOf(engine, plan, requirements, chosen),
  );
  for (const { agentId, decision, error: problem } of found) {
    const rollout = rollouts.get(agentId);
    const name = nameOf(agentId, decision);
    if (rollout === undefined || plan.unbuildable.has(name)) continue;
    plan.unbuildable.add(name);
    const label = rollout.arms[decision.arm ?? 0]?.label ?? 'candidate';
    const why = `The snapshot of ${label} cannot be built for the DAG ${plan.dag.dag.name}: ${problem.message.slice(0, maxWords)}.`;
    engine.deps.log.error('the candidate of a rollout cannot be built: its runs get the stable version', {
      tenant: plan.tenant,
      rolloutId: rollout.id,
      agentId,
      versionId: decision.versionId,
      error: problem,
    });
    engine.evaluator.breaker.cannotBuild(rollout, why);
    engine.evaluator.wake(plan.tenant, rollout.id);
  }
  return found.length > 0;
};

/** Decides by the project as it is now, or finds all that is missing. */
const admitBy = async (engine: Engine, plan: AdmissionPlan, run: RunToAdmit | undefined): Promise<Admission> => {
  const { requirements } = plan;
  if (requirements === undefined) return rejected(plan.problems);
  const { agents, tallies } = decideAgents(engine, plan, plan.routes, run);
  const problems = [...plan.problems];
  // An agent whose pinned version does not exist has its problem already.
  const known = requirements.agents.filter(({ agentId, version }) => version === undefined || agentId in agents);
  let stored: StoredSnapshot | undefined;
  try {
    if (known.length > 0) stored = await snapshotOf(engine, plan, { ...requirements, agents: known }, agents);
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    const needed = { ...requirements, agents: known };
    if (problems.length === 0 && (await noteUnbuildable(engine, plan, needed, agents, thrown)))
      return admitBy(engine, plan, run);
    if (problems.length === 0 && thrown.code !== 'not_found') throw thrown;
    problems.push(...problemsOf(thrown));
  }
  if (problems.length > 0) return rejected(problems);
  const admission = { kind: 'admit', with: admittedBy(agents, requirements.calls, stored) } as const;
  if (needsNothing(plan.dag)) return admission;
  const counted = run !== undefined && run.source.kind !== 'evaluation' && tallies.length > 0 ? { tallies } : {};
  return { ...admission, revision: plan.revision, ...counted };
};

const prepare = async (engine: Engine, run: RunToAdmit): Promise<Admission> => {
  const { tenant, dag, earlier } = run;
  if (earlier !== undefined) return prepareRetry(engine, run, earlier);
  const revision = await engine.deps.projects.revision(tenant);
  const cached = cachedFor(engine, tenant, revision);
  const known = cached.admissions.get(dag.digest);
  if (known !== undefined) return known;
  const plan = await planAdmission(engine, cached, tenant, dag);
  if (plan.isRouted) {
    const admission = await admitBy(engine, plan, run);
    if (admission.kind === 'admit')
      buildAhead(engine, plan, async (requirements, agents) => {
        try {
          await snapshotOf(engine, plan, requirements, agents);
        } catch (thrown) {
          if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
          if (!(await noteUnbuildable(engine, plan, requirements, agents, thrown))) throw thrown;
        }
      });
    return admission;
  }
  // Nothing of it depends on the run.
  const admission = await admitBy(engine, plan, undefined);
  if (admission.kind === 'admit') cached.admissions.set(dag.digest, admission);
  return admission;
};

const nothingNeeded: Admission = { kind: 'admit', with: { agents: {} } };

/**
 * Decides the agent versions and called DAGs of a run's whole tree and seals its snapshot, before the transaction that admits it and
 * that checks that the project is still the same: no run that was prepared before a rollout changed is let in after it (I7). What can never
 * work is an answer (`reject`) that names every problem. Throws `unavailable` when a store does not answer. Cached by the DAG and the project's
 * revision, which moves with DAGs, agent versions, memory, rollouts and freezes; only what a live rollout decides is decided for each run.
 */
export const prepareAdmission = async (engine: Engine, run: RunToAdmit): Promise<Admission> => {
  if (run.earlier === undefined && needsNothing(run.dag)) return nothingNeeded;
  try {
    return await prepare(engine, run);
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return { kind: 'reject', command: { type: 'reject', error: boundError(toErrorData(thrown)) } };
  }
};

/** Forgets what was decided before a publication, an activation or a change of a rollout. */
export const forgetAdmissions = (engine: Engine, tenant: TenantId): void => {
  forgetPlans(engine, tenant);
};

/** The command that lets a run in, or ends it; what its append must find, and counts, is noted on the actor. */
export const admissionCommand = (engine: Engine, actor: RunActor, admission: Admission): RunCommand => {
  if (admission.kind === 'reject') return admission.command;
  actor.pins = admission.with.snapshotDigest;
  actor.expectsRevision = admission.revision;
  actor.tallies = admission.tallies ?? [];
  for (const { kind } of actor.tallies) {
    if (!kind.startsWith('arm:')) engine.deps.meter.count(metric.rolloutDecisions, 1, { kind });
  }
  return { type: 'admit', ...admission.with };
};
