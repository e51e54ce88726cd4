/** A run that waits gains one step of priority in so many ms. */
export const priorityAgeMs = 10_000;

/**
 * The one rule of who goes first among runs that wait, for admission as for slots:
 * 1. the higher waiting priority; a run gains a step for each ten seconds that it waits, up to the highest priority that waits.
 *    So a higher priority goes first, a low one is late but never starved, and among equals waiting gains nothing over rule 2;
 * 2. then turns: the tenant that was served longest ago, in it the DAG that was served longest ago, in it the run that waits longest.
 *
 * This is rule 1. `highest` is the highest priority of all that wait.
 */
export const waitingPriority = (priority: number, waitedMs: number, highest: number): number =>
  Math.min(highest, priority + Math.max(0, Math.floor(waitedMs / priorityAgeMs)));
