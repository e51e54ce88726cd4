import type { AgentVersion, RolloutId, RolloutRecord, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { listVersions } from '../project/agent-versions.ts';

/** Rollouts that are read at once when a draft is looked for, and pages of them. */
const pageSize = 50;
const maxPages = 4;

/** The versions of an agent that was published. Throws `not_found`. */
export const requireAgent = (engine: Engine, tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]> =>
  listVersions(engine, tenant, agentId);

/** The active or paused rollout of an agent. */
export const liveOf = async (engine: Engine, tenant: TenantId, agentId: string): Promise<RolloutRecord | undefined> =>
  (await engine.deps.rollouts.listLive(tenant, agentId))[0];

/** The newest rollout of an agent that is a draft. */
export const draftOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
): Promise<RolloutRecord | undefined> => {
  for (let page = 0; page < maxPages; page += 1) {
    const { rollouts } = await engine.deps.rollouts.list(tenant, agentId, page, pageSize);
    const draft = rollouts.find(({ status }) => status === 'draft');
    if (draft !== undefined || rollouts.length < pageSize) return draft;
  }
  return undefined;
};

/** The live one, else the newest draft. */
export const currentOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
): Promise<RolloutRecord | undefined> =>
  (await liveOf(engine, tenant, agentId)) ?? (await draftOf(engine, tenant, agentId));

/** The newest one, whatever became of it. */
export const lastOf = async (engine: Engine, tenant: TenantId, agentId: string): Promise<RolloutRecord | undefined> =>
  (await engine.deps.rollouts.list(tenant, agentId, 0, 1)).rollouts[0];

/** Of one rollout of an agent. Throws `not_found`. */
export const requireRollout = async (
  engine: Engine,
  tenant: TenantId,
  id: RolloutId,
  agentId?: string,
): Promise<RolloutRecord> => {
  const record = await engine.deps.rollouts.find(tenant, id);
  if (record !== undefined && (agentId === undefined || record.agentId === agentId)) return record;
  const whose = agentId === undefined ? 'there is no rollout' : `the agent ${agentId} has no rollout`;
  throw new DomainError('not_found', `${whose} ${id}`, { rolloutId: id });
};

/** The given one, else the live one, else the last. Throws `not_found`. */
export const shownOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  id?: RolloutId,
): Promise<RolloutRecord> => {
  await requireAgent(engine, tenant, agentId);
  if (id !== undefined) return requireRollout(engine, tenant, id, agentId);
  const record = (await liveOf(engine, tenant, agentId)) ?? (await lastOf(engine, tenant, agentId));
  if (record === undefined) throw noRollout(agentId);
  return record;
};

/** There is nothing that could be changed; `last` is the newest one that was. */
export const noRollout = (agentId: string, last?: Pick<RolloutRecord, 'id' | 'status'>): DomainError =>
  last === undefined
    ? new DomainError('not_found', `the agent ${agentId} has no rollout`, { agentId })
    : new DomainError(
        'not_found',
        `the agent ${agentId} has no live rollout; the last one, ${last.id}, is ${last.status}`,
        {
          agentId,
          lastRolloutId: last.id,
        },
      );
