import type { RolloutStatus } from './rollout-record.ts';

/** True while a rollout occupies its agent: `active` or `paused`. At most one per agent (I1); a draft does not count. */
export const isLive = (status: RolloutStatus): boolean => status === 'active' || status === 'paused';

/** True for a rollout that is over: it never changes again (I3). */
export const isTerminalRollout = (status: RolloutStatus): boolean =>
  status === 'completed' || status === 'rolled_back' || status === 'cancelled';
