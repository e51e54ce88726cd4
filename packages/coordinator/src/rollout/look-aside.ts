import type { RolloutId, TenantId } from '@skein/domain';
import { isLive } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Looked } from './act-on.ts';
import { applyRunPolicy } from './apply-run-policy.ts';
import { lookAtRollout } from './look-at-rollout.ts';

/**
 * A look by a coordinator that does not have the duty of this rollout. It does what only it can: it applies the policy of a rollback to the runs
 * that it is home to, and it acts on what only it counts (the breaker, a candidate that cannot be built here). Throws `unavailable`.
 */
export const lookAside = async (engine: Engine, tenant: TenantId, id: RolloutId, mayAct: boolean): Promise<Looked> => {
  const record = await engine.deps.rollouts.find(tenant, id);
  if (record === undefined) return { outcome: 'idle' };
  if (isLive(record.status)) {
    const { consecutiveFailures, unbuildable } = engine.evaluator.breaker.of(record);
    const isTripped = consecutiveFailures >= engine.config.rollouts.breakerFailures || unbuildable !== undefined;
    return isTripped ? lookAtRollout(engine, tenant, id, mayAct) : { outcome: 'idle' };
  }
  if (record.policyPending === true) await applyRunPolicy(engine, record, 'own');
  return { outcome: 'idle' };
};
