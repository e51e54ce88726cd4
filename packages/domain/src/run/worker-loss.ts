import type { LossReason } from './run-fact.ts';

/** Worker losses of one step after which it is given up as poison. */
export const maxWorkerLosses = 3;

/**
 * Losses in a row of one step before any of its code ran, after which it is given up: a task that kills workers while they prepare it
 * would otherwise go round for ever.
 */
export const maxUnstartedLosses = 20;

/** Whether a lease that ended so tells against the step: a worker that was told to leave, or that was busy, does not. */
export const countsAsLoss = (reason: LossReason): boolean => reason !== 'drained' && reason !== 'refused';
