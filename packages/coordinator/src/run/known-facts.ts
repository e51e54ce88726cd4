import type { RunFact, RunFactType } from '@skein/domain';

/** Versions of each type of fact that this build can evolve. */
const versions = {
  run_submitted: 1,
  run_admitted: 1,
  run_migrated: 1,
  step_kept: 1,
  fanout_expanded: 1,
  step_leased: 1,
  step_finished: 1,
  step_lost: 1,
  step_failed: 1,
  step_called: 1,
  step_returned: 1,
  secret_released: 1,
  run_closing: 1,
  step_skipped: 1,
  cancel_requested: 1,
  run_finished: 1,
  turn_planned: 1,
  tool_done: 1,
  agent_restarted: 1,
  message_accepted: 1,
  message_ended: 1,
  message_replied: 1,
  step_waiting: 1,
  step_answered: 1,
  step_pushed_back: 1,
} as const satisfies Record<RunFactType, number>;

/** What this build can evolve, as it tells the other coordinators: `TYPE@VERSION`. */
export const knownFacts: readonly string[] = Object.entries(versions).map(([type, v]) => `${type}@${v}`);

/** A type of fact in the version that this build writes: `TYPE@VERSION`. */
export const factName = (type: string): string =>
  `${type}@${Object.hasOwn(versions, type) ? versions[type as RunFactType] : '?'}`;

const knownSet: ReadonlySet<string> = new Set(knownFacts);

/** The first fact that this build does not know, which means "do not drive this run here". */
export const unknownFact = (
  facts: readonly RunFact[],
  known: ReadonlySet<string> = knownSet,
): { readonly type: string; readonly v: number } | undefined => facts.find(({ type, v }) => !known.has(`${type}@${v}`));
