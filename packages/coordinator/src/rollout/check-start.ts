import type { RolloutRecord } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { StartRollout } from './rollout-requests.ts';
import type { RolloutForecast } from './rollout-views.ts';

/**
 * Scorers of a start replace those of the agent's settings as a whole: whoever wanted one more is told what is left out. The forecast with that
 * warning. Throws `unavailable`.
 */
export const withLeftOut = async (
  engine: Engine,
  { tenant, agentId }: Pick<RolloutRecord, 'tenant' | 'agentId'>,
  { scorers }: Pick<StartRollout, 'scorers'>,
  forecast: RolloutForecast,
): Promise<RolloutForecast> => {
  if (scorers === undefined) return forecast;
  const declared = (await engine.deps.projects.agentSettings(tenant, agentId))?.scorers ?? [];
  const leftOut = declared.map(({ id }) => id).filter((id) => !scorers.some((one) => one.id === id));
  if (leftOut.length === 0) return forecast;
  const are = leftOut.length === 1 ? 'is' : 'are';
  const warning = `the scorers given here replace those of the agent's settings: ${leftOut.join(', ')} ${are} left out`;
  return { ...forecast, warnings: [...forecast.warnings, warning] };
};

/** A live canary at weight 0 that stays there, and that shows its candidate to nobody in another way, would never end. Throws `unprocessable`. */
export const checkExposes = ({ status, type, steps, arms, forced, shadow }: RolloutRecord): void => {
  if (status === 'draft' || type !== 'canary' || steps.length > 0 || forced.length > 0 || shadow > 0) return;
  if (arms.slice(1).some(({ parts }) => parts > 0)) return;
  const message = 'no unit would get the candidate: give more than 0, or prepare the rollout as a draft';
  throw new DomainError('unprocessable', `weight: ${message}`, {
    problems: [{ message, field: 'weight', code: 'unprocessable' }],
  });
};
