import type { RolloutRecord, TenantId } from '@skein/domain';
import { isTerminalRollout, parseForkScope } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** What a rollout says of a scope's folds. */
export type Holding =
  /** None has a say. */
  | { readonly kind: 'free' }
  /** A live rollout keeps the agent's memory as it is: proposals wait for its end. */
  | { readonly kind: 'waits' }
  /** An arm's copy, written from this revision of the agent's memory on. */
  | {
      readonly kind: 'copy';
      readonly rolloutId: string;
      readonly from: { readonly scope: string; readonly revision: number };
    }
  /** A copy whose rollout is over: nothing will read what is proposed now. */
  | { readonly kind: 'over'; readonly reason: string };

const isKept = ({ memory }: RolloutRecord): boolean => memory.mode !== 'shared';

/**
 * How a scope stands to rollouts (I9). An arm's copy takes proposals until its rollout is over; with `settles`, the rollout that is just being
 * settled, also then. Throws `unavailable`.
 */
export const holdingOf = async (
  { deps: { rollouts } }: Engine,
  tenant: TenantId,
  scope: string,
  settles?: string,
): Promise<Holding> => {
  const fork = parseForkScope(scope);
  if (fork !== undefined) {
    const record = await rollouts.find(tenant, fork.rolloutId);
    if (record === undefined) return { kind: 'over', reason: 'there is no rollout of this copy' };
    if (isTerminalRollout(record.status) && settles !== record.id)
      return { kind: 'over', reason: `the rollout ${record.id} is over, and the copy of this arm with it` };
    const from = { scope: `agent/${fork.agentId}`, revision: record.memory.revision };
    return { kind: 'copy', rolloutId: record.id, from };
  }
  if (!scope.startsWith('agent/')) return { kind: 'free' };
  const agentId = scope.slice('agent/'.length);
  const live = await rollouts.listLive(tenant);
  return { kind: live.some((record) => record.agentId === agentId && isKept(record)) ? 'waits' : 'free' };
};
