import type { AgentFreeze, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { published } from '../project/published.ts';
import { requireAgent } from './find-rollout.ts';
import type { By } from './rollout-requests.ts';

/** Characters of a reason. */
const maxReason = 1_000;

/** Sends every run of an agent to its active version, whatever a rollout says, until `unfreezeAgent`. Throws `not_found`, `invalid_argument`. */
export const freezeAgent = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  reason: string,
  by: By,
): Promise<AgentFreeze> => {
  await requireAgent(engine, tenant, agentId);
  if (reason.trim() === '' || reason.length > maxReason) {
    const message = `a freeze needs a reason of at most ${maxReason} characters`;
    throw new DomainError('invalid_argument', message, { problems: [{ message, field: 'reason' }] });
  }
  const freeze: AgentFreeze = { agentId, by: by.actor, reason, at: engine.deps.clock.now() };
  await engine.deps.rollouts.setFreeze(tenant, agentId, freeze);
  published(engine, tenant, 'rollouts');
  engine.deps.log.info('agent frozen', { tenant, agentId, by: by.actor, reason });
  return freeze;
};

/** Lets rollouts route again; nothing when it was not frozen. Throws `not_found`. */
export const unfreezeAgent = async (engine: Engine, tenant: TenantId, agentId: string, by: By): Promise<void> => {
  await requireAgent(engine, tenant, agentId);
  if ((await freezeOf(engine, tenant, agentId)) === undefined) return;
  await engine.deps.rollouts.setFreeze(tenant, agentId, undefined);
  published(engine, tenant, 'rollouts');
  engine.deps.log.info('agent no longer frozen', { tenant, agentId, by: by.actor });
};

const freezeOf = async (engine: Engine, tenant: TenantId, agentId: string): Promise<AgentFreeze | undefined> =>
  (await engine.deps.rollouts.listFreezes(tenant)).find((freeze) => freeze.agentId === agentId);

/** Undefined when it is not frozen. Throws `not_found`. */
export const readFreeze = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
): Promise<AgentFreeze | undefined> => {
  await requireAgent(engine, tenant, agentId);
  return freezeOf(engine, tenant, agentId);
};
