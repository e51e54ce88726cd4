import type {
  AgentDecision,
  Dag,
  Digest,
  ErrorData,
  Problem,
  RequiredAgent,
  SnapshotRequirements,
  TenantId,
  VersionId,
} from '@skein/domain';
import {
  collectRequirements,
  DomainError,
  decideVersion,
  defaultSnapshotLimits,
  isDomainError,
  toErrorData,
} from '@skein/domain';
import { buildSnapshot } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import type { IndexedDag } from '../project/dag-cache.ts';

/** How a run is let in, or why it can never be. */
export type Admission =
  | {
      readonly kind: 'admit';
      readonly agents: { readonly [agentId: string]: AgentDecision };
      readonly snapshotDigest?: Digest;
    }
  | { readonly kind: 'reject'; readonly error: ErrorData };

/** What the run that is retried had decided. */
export interface EarlierAdmission {
  readonly agents: { readonly [agentId: string]: AgentDecision };
  readonly snapshotDigest?: Digest;
}

const nothingNeeded: Admission = { kind: 'admit', agents: {} };

const requirementsByDag = new WeakMap<Dag, SnapshotRequirements>();

const hasCalls = (dag: Dag): boolean =>
  [...dag.steps, ...Object.values(dag.handlers ?? {})].some(({ action }) => action.kind === 'call');

const rejected = (message: string, problems: readonly Problem[]): Admission => ({
  kind: 'reject',
  error: toErrorData(new DomainError('invalid_argument', message, { problems })),
});

/** The requirements of a DAG graph; sub-DAGs by name are looked up as they are now. */
const requirementsOf = async (
  engine: Engine,
  tenant: TenantId,
  dag: Dag,
): Promise<SnapshotRequirements | readonly Problem[]> => {
  const known = requirementsByDag.get(dag);
  if (known !== undefined) return known;
  const named = new Map<string, Dag>();
  const calls = hasCalls(dag);
  if (calls) for (const stored of await engine.deps.projects.listDags(tenant)) named.set(stored.name, stored.dag);
  const found = collectRequirements(dag, (name) => named.get(name));
  if (!found.ok) return found.error;
  if (!calls) requirementsByDag.set(dag, found.value);
  return found.value;
};

/** Explicit, then the retried run's, then the active version; a problem when there is none. */
const decideAgent = async (
  engine: Engine,
  tenant: TenantId,
  agent: RequiredAgent,
  earlier: AgentDecision | undefined,
): Promise<AgentDecision | Problem> => {
  const { projects } = engine.deps;
  if (agent.version !== undefined) {
    const version = await projects.findVersion(tenant, agent.agentId, agent.version);
    if (version === undefined) {
      return {
        message: `${agent.askedBy} asks for the agent "${agent.agentId}" in version ${agent.version}, which does not exist`,
      };
    }
    return { versionId: version.versionId, source: 'explicit' };
  }
  const active = earlier === undefined ? await projects.activeVersion(tenant, agent.agentId) : undefined;
  const decision = decideVersion({
    ...(earlier === undefined ? {} : { earlier }),
    ...(active === undefined ? {} : { active: active.versionId }),
  });
  return (
    decision ?? {
      message: `${agent.askedBy} asks for the agent "${agent.agentId}", which has no active version (make one active: skein apply --activate, or skein versions activate)`,
    }
  );
};

const sealSnapshot = async (
  engine: Engine,
  tenant: TenantId,
  requirements: SnapshotRequirements,
  versions: { readonly [agentId: string]: VersionId },
): Promise<Digest> => {
  const { projects, hasher, snapshots, clock } = engine.deps;
  const built = await buildSnapshot(
    { projects, hasher, limits: defaultSnapshotLimits },
    { tenant, requirements, versions },
  );
  await snapshots.save(tenant, built.digest, built.manifest, built.parts, clock.now());
  engine.sealed.keep(built);
  return built.digest;
};

const prepare = async (
  engine: Engine,
  tenant: TenantId,
  dag: Dag,
  earlier: EarlierAdmission | undefined,
): Promise<Admission> => {
  const requirements = await requirementsOf(engine, tenant, dag);
  if (!('agents' in requirements)) {
    return rejected(requirements.map(({ message }) => message).join('; '), requirements);
  }
  if (requirements.agents.length === 0) return nothingNeeded;
  const agents: { [agentId: string]: AgentDecision } = {};
  const versions: { [agentId: string]: VersionId } = {};
  const problems: Problem[] = [];
  for (const agent of requirements.agents) {
    const decided = await decideAgent(engine, tenant, agent, earlier?.agents[agent.agentId]);
    if ('message' in decided) problems.push(decided);
    else {
      agents[agent.agentId] = decided;
      versions[agent.agentId] = decided.versionId;
    }
  }
  if (problems.length > 0) return rejected(problems.map(({ message }) => message).join('; '), problems);
  if (
    earlier?.snapshotDigest !== undefined &&
    (await engine.deps.snapshots.find(tenant, earlier.snapshotDigest)) !== undefined
  ) {
    return { kind: 'admit', agents, snapshotDigest: earlier.snapshotDigest };
  }
  return { kind: 'admit', agents, snapshotDigest: await sealSnapshot(engine, tenant, requirements, versions) };
};

/** Cached admissions of one tenant, for one revision of its project. */
interface CachedAdmissions {
  readonly revision: number;
  readonly byDag: Map<Digest, Admission>;
}

const cacheOf = new WeakMap<Engine, Map<TenantId, CachedAdmissions>>();

/** Forgets what was decided before a publication or an activation. */
export const forgetAdmissions = (engine: Engine, tenant: TenantId): void => {
  cacheOf.get(engine)?.delete(tenant);
};

/**
 * Decides the agent versions of a run and seals its snapshot, before the transaction that admits it. What can never work is an
 * answer (`reject`) that names every problem. Throws `unavailable` when a store does not answer.
 * Cached by the DAG and the project's revision, which moves with agent versions and memory.
 */
export const prepareAdmission = async (
  engine: Engine,
  tenant: TenantId,
  indexed: IndexedDag,
  earlier?: EarlierAdmission,
): Promise<Admission> => {
  const requirements = requirementsByDag.get(indexed.dag);
  if (requirements?.agents.length === 0) return nothingNeeded;
  try {
    const revision = await engine.deps.projects.revision(tenant);
    let tenants = cacheOf.get(engine);
    if (tenants === undefined) {
      tenants = new Map();
      cacheOf.set(engine, tenants);
    }
    let cached = tenants.get(tenant);
    if (cached?.revision !== revision) {
      cached = { revision, byDag: new Map() };
      tenants.set(tenant, cached);
    }
    const known = earlier === undefined ? cached.byDag.get(indexed.digest) : undefined;
    if (known !== undefined) return known;
    const admission = await prepare(engine, tenant, indexed.dag, earlier);
    if (earlier === undefined && admission.kind === 'admit') cached.byDag.set(indexed.digest, admission);
    return admission;
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return { kind: 'reject', error: toErrorData(thrown) };
  }
};
