import type { DeadLetterReason } from '../delivery/dead-letter.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import type { LossReason } from './run-fact.ts';
import type { StepState } from './run-state.ts';

/*
 * Three counters with bounds of their own. Transport: leases that ended before step code ran. Execution: workers that were lost while they
 * ran it; apart from these, losses that other tasks of the worker shared. Application: failures, which are the retry policy's.
 */

/** Worker losses of one step after which it is given up as poison. */
export const maxWorkerLosses = 3;

/** Losses that a step shared with other tasks of its worker after which it is given up as poison all the same. */
export const maxSharedLosses = 10;

/**
 * Losses in a row of one step before any of its code ran, after which it is given up: a task that kills workers while they prepare it
 * would otherwise go round for ever.
 */
export const maxUnstartedLosses = 20;

/** Most losses that are kept for the history of a dead letter. */
const maxLossLog = 20;

const baseDelayMs = 1_000;
const maxDelayMs = 60_000;

/** A lease that ended without a result. */
export interface Loss {
  readonly reason: LossReason;
  readonly started: boolean;
  readonly shared?: true;
  /** The worker may be alive: charged to nobody for now. */
  readonly suspect?: true;
  /** A loss before this one was `suspect`, and its worker turned out to be gone: it is charged with this one. */
  readonly late?: 'alone' | 'shared';
}

type Counter = 'unstartedLosses' | 'losses' | 'sharedLosses';

/** Whether a lease that ended so tells against the step: a worker that was told to leave, or that was busy, does not, nor does a message. */
export const countsAsLoss = (reason: LossReason): boolean =>
  reason !== 'drained' && reason !== 'refused' && reason !== 'unread_message';

const gotOn = ({ progress }: StepState): boolean =>
  progress !== undefined && progress.seqs.length > (progress.lostAt ?? 0);

/** The counters that a loss raises; none when it is charged to nobody, as when the agent got on since the loss before it. */
const chargesOf = (target: StepState, { reason, started, shared, suspect, late }: Loss): readonly Counter[] => {
  if (!countsAsLoss(reason)) return [];
  const charges: Counter[] = [];
  if (late !== undefined && !gotOn(target)) charges.push(late === 'shared' ? 'sharedLosses' : 'losses');
  if (!started) charges.push('unstartedLosses');
  else if (suspect !== true && !gotOn(target)) charges.push(shared === true ? 'sharedLosses' : 'losses');
  return charges;
};

/** What a counter would be after the loss; 0 when the loss does not raise it. */
const countAfter = (target: StepState, charges: readonly Counter[], counter: Counter): number => {
  const raised = charges.filter((each) => each === counter).length;
  return raised === 0 ? 0 : (target[counter] ?? 0) + raised;
};

const unavailable = (message: string, losses: number): ErrorData => ({
  code: 'unavailable',
  message,
  details: { losses },
});

/** What a loss means for a step: nothing more than another lease, or its end. */
export const endByLoss = (
  target: StepState,
  onWorkerLoss: 'retry' | 'fail',
  loss: Loss,
): { readonly error: ErrorData; readonly deadLetter?: DeadLetterReason } | undefined => {
  const charges = chargesOf(target, loss);
  const alone = countAfter(target, charges, 'losses');
  if (loss.started && onWorkerLoss === 'fail') {
    const message = 'the worker was lost while the step ran, and on_worker_loss is fail';
    return { error: unavailable(message, Math.max(alone, target.losses)) };
  }
  const unstarted = countAfter(target, charges, 'unstartedLosses');
  if (unstarted >= maxUnstartedLosses) {
    const message = `poison: ${unstarted} workers in a row were lost before they started this step`;
    return { error: unavailable(message, unstarted), deadLetter: 'transport_exhausted' };
  }
  if (alone >= maxWorkerLosses)
    return {
      error: unavailable(`poison: ${alone} workers were lost while they ran this step`, alone),
      deadLetter: 'poison',
    };
  const shared = countAfter(target, charges, 'sharedLosses');
  if (shared < maxSharedLosses) return undefined;
  const message = `poison: ${shared} workers were lost while they ran this step and others with it`;
  return { error: unavailable(message, shared), deadLetter: 'poison' };
};

/**
 * Milliseconds before the lease that follows a loss, with full jitter: 0 after the first and after one that is charged to nobody, then up to
 * 1 s, 2 s, 4 s and so on to 60 s. `random` from 0 to 1.
 */
export const lossDelayMs = (target: StepState, loss: Loss, random: number): number => {
  const charges = chargesOf(target, loss);
  const last = charges.at(-1);
  if (last === undefined) return 0;
  const earlier = target.losses + (target.sharedLosses ?? 0) + charges.length - 1;
  const before = last === 'unstartedLosses' ? target.unstartedLosses : earlier;
  if (before === 0) return 0;
  return Math.round(random * Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(before - 1, 10)));
};

/** Counts a loss, and keeps it for the history of a dead letter. */
export const noteLoss = (target: StepState, loss: Loss, at: number): void => {
  const charges = chargesOf(target, loss);
  if (loss.started) target.unstartedLosses = 0;
  for (const counter of charges) target[counter] = (target[counter] ?? 0) + 1;
  if (!countsAsLoss(loss.reason)) return;
  const { progress, workerId } = target;
  if (loss.started && loss.suspect !== true && progress !== undefined) progress.lostAt = progress.seqs.length;
  const what = `${loss.reason}${loss.started ? '' : ' before it started'}${loss.shared === true ? ', with other tasks' : ''}${loss.suspect === true ? ', perhaps alive' : ''}`;
  const entry = workerId === undefined ? { at, what } : { at, what, workerId };
  target.lossLog = [...(target.lossLog ?? []), entry].slice(-maxLossLog);
};
