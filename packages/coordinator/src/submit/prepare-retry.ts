import type { AgentDecision, TenantId } from '@skein/domain';
import { decideVersion } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Admission, AdmittedWith, RunToAdmit } from './admission.ts';
import { admittedBy, rejected } from './admission.ts';
import { noRoutes, readRoutes } from './agent-routes.ts';
import { storeSnapshot } from './run-snapshots.ts';
import { requirementsAsBefore } from './tree-requirements.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

const asRetried = (agents: Agents, now: number): Agents =>
  Object.fromEntries(
    Object.entries(agents).map(([agentId, earlier]) => [
      agentId,
      earlier.source === 'explicit' ? earlier : (decideVersion({ earlier, now })?.decision ?? earlier),
    ]),
  );

/** The active version in the place of each that was rolled back since it was chosen. Versions that a person or the DAG named stay. */
const withoutRolledBack = async (engine: Engine, tenant: TenantId, agents: Agents): Promise<Agents> => {
  const { rollouts, projects } = engine.deps;
  const chosen: { [agentId: string]: AgentDecision } = { ...agents };
  for (const [agentId, { source, versionId }] of Object.entries(agents)) {
    if (source === 'explicit') continue;
    const gone = await rollouts.rolledBack(tenant, agentId);
    if (!gone.some((one) => one.versionId === versionId)) continue;
    const active = await projects.activeVersion(tenant, agentId);
    if (active !== undefined && active.versionId !== versionId)
      chosen[agentId] = { versionId: active.versionId, source: 'active' };
  }
  return chosen;
};

const isOfRollout = ({ rolloutId }: AgentDecision): boolean => rolloutId !== undefined;

/**
 * What the run that is retried had (R4), except for versions that were rolled back meanwhile. A snapshot that was collected meanwhile is sealed
 * again, from the same versions. Where a rollout chose, the admission holds only as long as the project stays as it is: one that was prepared before
 * a rollback is prepared again.
 */
export const prepareRetry = async (engine: Engine, run: RunToAdmit, earlier: AdmittedWith): Promise<Admission> => {
  const { tenant, dag, source } = run;
  const same = source.kind === 'retry' && source.sameVersions === true;
  const isGuarded = !same && Object.values(earlier.agents).some(isOfRollout);
  const guard = isGuarded ? { revision: await engine.deps.projects.revision(tenant) } : {};
  const kept = asRetried(earlier.agents, engine.deps.clock.now());
  const agents = same ? kept : await withoutRolledBack(engine, tenant, kept);
  const { snapshotDigest, calls = {} } = earlier;
  const asBefore: Admission = { kind: 'admit', with: { ...earlier, agents }, ...guard };
  if (snapshotDigest === undefined) return asBefore;
  const isSame = Object.entries(kept).every(([agentId, { versionId }]) => agents[agentId]?.versionId === versionId);
  if (isSame && (await engine.deps.snapshots.find(tenant, snapshotDigest)) !== undefined) return asBefore;
  const { requirements, problems } = await requirementsAsBefore(engine, tenant, dag, calls);
  if (requirements === undefined || problems.length > 0) return rejected(problems);
  const routes = isGuarded ? await readRoutes(engine, tenant) : noRoutes;
  const stored = await storeSnapshot(engine, tenant, requirements, agents, routes);
  return { kind: 'admit', with: admittedBy(agents, calls, stored), ...guard };
};
