import type { LossReason } from './run-fact.ts';

/** Worker losses of one step after which it is given up as poison. */
export const maxWorkerLosses = 3;

/** Whether a lease that ended so, after the step had started, tells against the step: a worker that was told to leave does not. */
export const countsAsLoss = (reason: LossReason): boolean => reason !== 'drained' && reason !== 'refused';
