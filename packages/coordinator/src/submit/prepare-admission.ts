import type {
  AgentDecision,
  CallTargets,
  Digest,
  Problem,
  RequiredAgent,
  RunCommand,
  SnapshotRequirements,
  TenantId,
} from '@skein/domain';
import {
  DomainError,
  decideVersion,
  defaultSnapshotLimits,
  isDomainError,
  maxFactBytes,
  toErrorData,
  utf8Length,
} from '@skein/domain';
import { buildSnapshot } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { pauseOf } from '../engine/pause-of.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { boundError, boundProblems, messageOf } from '../run/bound-error.ts';
import type { RunActor } from '../run/run-actor.ts';
import { needsNothing, requirementsAsBefore, requirementsOf } from './tree-requirements.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

/** What a run that was let in is recorded with. */
export interface AdmittedWith {
  readonly agents: Agents;
  readonly snapshotDigest?: Digest;
  /** Targets of all calls of the tree; absent when nothing is called. */
  readonly calls?: CallTargets;
  /** Revision of each memory scope in the snapshot. */
  readonly memory?: { readonly [scope: string]: number };
}

/** How a run is let in, or why it can never be. */
export type Admission =
  | {
      readonly kind: 'admit';
      readonly with: AdmittedWith;
      /** The project's revision that this was decided by; absent when the project has no say. */
      readonly revision?: number;
    }
  | { readonly kind: 'reject'; readonly command: Extract<RunCommand, { readonly type: 'reject' }> };

const rejected = (problems: readonly Problem[]): Admission => {
  const error = new DomainError('invalid_argument', messageOf(problems), boundProblems(problems));
  return { kind: 'reject', command: { type: 'reject', error: toErrorData(error) } };
};

/** Explicit, or the active version; a problem when a pinned one does not exist, undefined when none is active. */
const decideAgent = async (
  engine: Engine,
  tenant: TenantId,
  { agentId, version, askedBy }: RequiredAgent,
): Promise<AgentDecision | Problem | undefined> => {
  const { projects } = engine.deps;
  if (version === undefined) {
    const active = await projects.activeVersion(tenant, agentId);
    return active === undefined ? undefined : decideVersion({ active: active.versionId, now: 0 })?.decision;
  }
  const explicit = await projects.findVersion(tenant, agentId, version);
  return explicit === undefined
    ? { message: `${askedBy} asks for the agent "${agentId}" in version ${version}, which does not exist` }
    : decideVersion({ explicit: explicit.versionId, now: 0 })?.decision;
};

const decideAgents = async (
  engine: Engine,
  tenant: TenantId,
  required: readonly RequiredAgent[],
): Promise<{ readonly agents: Agents; readonly problems: readonly Problem[] }> => {
  const agents: { [agentId: string]: AgentDecision } = {};
  const problems: Problem[] = [];
  for (const agent of required) {
    const decided = await decideAgent(engine, tenant, agent);
    if (decided === undefined) continue;
    if ('message' in decided) problems.push(decided);
    else agents[agent.agentId] = decided;
  }
  return { agents, problems };
};

/** A snapshot as it was built: to be stored before the append that pins it. */
type Built = Awaited<ReturnType<typeof buildSnapshot>>;

const build = (
  { deps }: Engine,
  tenant: TenantId,
  requirements: SnapshotRequirements,
  agents: Agents,
): Promise<Built> => {
  const { projects, hasher } = deps;
  const versions = Object.fromEntries(Object.entries(agents).map(([id, { versionId }]) => [id, versionId]));
  return buildSnapshot(
    { projects, hasher, limits: defaultSnapshotLimits, pause: pauseOf(deps.clock) },
    { tenant, requirements, versions },
  );
};

const store = async (engine: Engine, tenant: TenantId, built: Built): Promise<void> => {
  await engine.deps.snapshots.save(tenant, built.digest, built.manifest, built.parts, engine.deps.clock.now());
  engine.sealed.keep(built);
};

const problemsOf = (thrown: DomainError): readonly Problem[] => {
  const problems = (thrown.details as { readonly problems?: readonly Problem[] } | undefined)?.problems;
  return problems ?? [{ message: thrown.message, code: thrown.code }];
};

/** Bytes that an admission may take beside what every fact has. */
const maxAdmissionBytes = maxFactBytes - 1024;

/** What no fact can hold could never be recorded, however often it is tried. */
const checkSize = (admission: AdmittedWith): AdmittedWith => {
  const actual = utf8Length(JSON.stringify(admission));
  if (actual <= maxAdmissionBytes) return admission;
  const calls = Object.values(admission.calls ?? {}).reduce((sum, names) => sum + Object.keys(names).length, 0);
  const agents = Object.keys(admission.agents).length;
  const message = `the tree of the run is too large to be recorded: ${calls} calls of other DAGs and ${agents} agents`;
  throw new DomainError('too_large', message, { limit: maxAdmissionBytes, actual });
};

/** Throws `too_large`. */
const admitted = (agents: Agents, calls: CallTargets, built: Built | undefined): AdmittedWith =>
  checkSize({
    agents,
    ...(built === undefined ? {} : { snapshotDigest: built.digest }),
    ...(Object.keys(calls).length === 0 ? {} : { calls }),
    ...(built === undefined || Object.keys(built.memory).length === 0 ? {} : { memory: built.memory }),
  });

/** Decides everything by the project as it is now, or finds all that is missing. */
const prepareNew = async (engine: Engine, tenant: TenantId, indexed: IndexedDag): Promise<AdmittedWith | Admission> => {
  const tree = await requirementsOf(engine, tenant, indexed);
  const { requirements } = tree;
  if (requirements === undefined) return rejected(tree.problems);
  const { agents, problems: unknown } = await decideAgents(engine, tenant, requirements.agents);
  const problems = [...tree.problems, ...unknown];
  // An agent whose pinned version does not exist has its problem already.
  const known = requirements.agents.filter(({ agentId, version }) => version === undefined || agentId in agents);
  let built: Built | undefined;
  try {
    if (known.length > 0) built = await build(engine, tenant, { ...requirements, agents: known }, agents);
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    if (problems.length === 0 && thrown.code !== 'not_found') throw thrown;
    problems.push(...problemsOf(thrown));
  }
  if (problems.length > 0) return rejected(problems);
  if (built !== undefined) await store(engine, tenant, built);
  return admitted(agents, requirements.calls, built);
};

const asRetried = (agents: Agents): Agents =>
  Object.fromEntries(
    Object.entries(agents).map(([agentId, earlier]) => [
      agentId,
      earlier.source === 'explicit' ? earlier : (decideVersion({ earlier, now: 0 })?.decision ?? earlier),
    ]),
  );

/** What the run that is retried had (R4). A snapshot that was collected meanwhile is sealed again, from the same versions. */
const prepareAgain = async (
  engine: Engine,
  tenant: TenantId,
  indexed: IndexedDag,
  earlier: AdmittedWith,
): Promise<AdmittedWith | Admission> => {
  const agents = asRetried(earlier.agents);
  const { snapshotDigest, calls = {} } = earlier;
  if (snapshotDigest === undefined) return { ...earlier, agents };
  if ((await engine.deps.snapshots.find(tenant, snapshotDigest)) !== undefined) return { ...earlier, agents };
  const { requirements, problems } = await requirementsAsBefore(engine, tenant, indexed, calls);
  if (requirements === undefined || problems.length > 0) return rejected(problems);
  const built = await build(engine, tenant, requirements, agents);
  await store(engine, tenant, built);
  return admitted(agents, calls, built);
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

const cachedFor = (engine: Engine, tenant: TenantId, revision: number): CachedAdmissions => {
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
  return cached;
};

const prepare = async (
  engine: Engine,
  tenant: TenantId,
  indexed: IndexedDag,
  earlier: AdmittedWith | undefined,
): Promise<Admission> => {
  if (earlier !== undefined) {
    const again = await prepareAgain(engine, tenant, indexed, earlier);
    return 'kind' in again ? again : { kind: 'admit', with: again };
  }
  const revision = await engine.deps.projects.revision(tenant);
  const cached = cachedFor(engine, tenant, revision);
  const known = cached.byDag.get(indexed.digest);
  if (known !== undefined) return known;
  const fresh = await prepareNew(engine, tenant, indexed);
  if ('kind' in fresh) return fresh;
  const admission: Admission = needsNothing(indexed)
    ? { kind: 'admit', with: fresh }
    : { kind: 'admit', with: fresh, revision };
  cached.byDag.set(indexed.digest, admission);
  return admission;
};

const nothingNeeded: Admission = { kind: 'admit', with: { agents: {} } };

/**
 * Decides the agent versions and called DAGs of a run's whole tree and seals its snapshot, before the transaction that admits it and
 * that checks that the project is still the same. What can never work is an answer (`reject`) that names every problem. Throws
 * `unavailable` when a store does not answer. Cached by the DAG and the project's revision, which moves with DAGs, agent versions and memory.
 */
export const prepareAdmission = async (
  engine: Engine,
  tenant: TenantId,
  indexed: IndexedDag,
  earlier?: AdmittedWith,
): Promise<Admission> => {
  if (earlier === undefined && needsNothing(indexed)) return nothingNeeded;
  try {
    return await prepare(engine, tenant, indexed, earlier);
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return { kind: 'reject', command: { type: 'reject', error: boundError(toErrorData(thrown)) } };
  }
};

/** The command that lets a run in, or ends it; what its append must find is noted on the actor. */
export const admissionCommand = (actor: RunActor, admission: Admission): RunCommand => {
  if (admission.kind === 'reject') return admission.command;
  actor.pins = admission.with.snapshotDigest;
  actor.expectsRevision = admission.revision;
  return { type: 'admit', ...admission.with };
};
