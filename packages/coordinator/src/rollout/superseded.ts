import type { RolloutRecord, TenantId } from '@skein/domain';
import { decideRollout, isDomainError } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** Tries of a publication or activation whose rollouts change meanwhile. */
const maxTries = 10;

/** The end of a live rollout whose agent gets another active version by hand (I6). */
const endOf = (engine: Engine, record: RolloutRecord, by: string): RolloutChange =>
  decideRollout(
    record,
    { type: 'cancel', reason: 'superseded' },
    { actor: by, reason: 'another version was made active' },
    engine.deps.clock.now(),
  );

/** Ends of the live rollouts of these agents. */
export const endsOf = async (
  engine: Engine,
  tenant: TenantId,
  agentIds: readonly string[],
  by: string,
): Promise<readonly RolloutChange[]> => {
  if (agentIds.length === 0) return [];
  const live = await engine.deps.rollouts.listLive(tenant);
  return live.filter(({ agentId }) => agentIds.includes(agentId)).map((record) => endOf(engine, record, by));
};

/**
 * Does what changes active versions, again when a rollout changed between reading and writing. Whatever else fails, fails: an activation is
 * never done without the end of the rollout that it supersedes.
 */
export const withEnds = async <T>(write: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (thrown) {
      if (tries >= maxTries || !isDomainError(thrown) || thrown.code !== 'version_conflict') throw thrown;
    }
  }
};
