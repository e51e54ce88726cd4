import type { AgentVersion, TenantId, VersionId } from '@skein/domain';
import { DomainError, diffAgents } from '@skein/domain';
import type { AgentVersionDiff } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { endsOf, withEnds } from '../rollout/superseded.ts';
import { ambiguous, digestPrefix } from './digest-prefix.ts';
import { createExpand, storedParts } from './expand-agent.ts';
import { published } from './published.ts';

/** Versions of an agent, oldest first. Throws `not_found` for an agent that was never published. */
export const listVersions = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
): Promise<readonly AgentVersion[]> => {
  const versions = await engine.deps.projects.listVersions(tenant, agentId);
  if (versions.length === 0) throw new DomainError('not_found', `there is no agent ${agentId}`, { agentId });
  return versions;
};

/** A version by id, alias, or the beginning of its id. Throws `not_found`, `invalid_argument` (ambiguous). */
export const findAgentVersion = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  version: string,
): Promise<AgentVersion> => {
  const { projects } = engine.deps;
  const found = await projects.findVersion(tenant, agentId, version);
  if (found !== undefined) return found;
  const prefix = digestPrefix(version);
  const versions = prefix === undefined ? [] : await projects.listVersions(tenant, agentId);
  const candidates = versions.filter(({ versionId }) => prefix !== undefined && versionId.startsWith(prefix));
  if (candidates.length > 1) {
    throw ambiguous(
      `version of ${agentId}`,
      version,
      candidates.map(({ versionId, alias }) => `${alias} ${versionId}`),
    );
  }
  const [only] = candidates;
  if (only === undefined) {
    throw new DomainError('not_found', `the agent ${agentId} has no version ${version}`, { agentId, version });
  }
  return only;
};

/** Makes a published version the active one; a live rollout of the agent ends in the same transaction. Throws like `findAgentVersion`. */
export const activateVersion = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  version: string,
  by = 'operator',
): Promise<AgentVersion> => {
  const found = await findAgentVersion(engine, tenant, agentId, version);
  const { projects } = engine.deps;
  const ended = await withEnds(async () => {
    const isActive = (await projects.activeVersion(tenant, agentId))?.versionId === found.versionId;
    const [ends] = isActive ? [] : await endsOf(engine, tenant, [agentId], by);
    await projects.activate(tenant, agentId, found.versionId, ends);
    return ends;
  });
  published(engine, tenant);
  if (ended !== undefined) engine.evaluator.wake(tenant, ended.record.id);
  return found;
};

const nameOf = ({ versionId, alias }: AgentVersion): { readonly versionId: VersionId; readonly alias: string } => ({
  versionId,
  alias,
});

/** How two versions of an agent differ, with what they refer to. Throws like `findAgentVersion`. */
export const diffAgentVersions = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  from: string,
  to: string,
): Promise<AgentVersionDiff> => {
  const before = await findAgentVersion(engine, tenant, agentId, from);
  const after = await findAgentVersion(engine, tenant, agentId, to);
  const expand = createExpand(storedParts(engine, tenant));
  const changes = diffAgents(await expand(before.content), await expand(after.content));
  return { agentId, from: nameOf(before), to: nameOf(after), changes };
};
