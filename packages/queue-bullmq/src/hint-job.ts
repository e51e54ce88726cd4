import type { RunHint } from '@skein/ports';

/** BullMQ's highest number, which is its lowest priority; 0 would be a list of its own before all others. */
const lowest = 2 ** 21 - 1;

/** Priorities of runs lie within ± this. */
const span = 1_000_000;

/** The name of all jobs of the queue. */
export const jobName = 'run';

/**
 * Tenant, run and head, which name the hint. BullMQ refuses `:` in ids of jobs (it parts keys with it) and ids that are integers; a part
 * that has such a letter is percent-encoded.
 */
export const jobIdOf = ({ tenant, runId, seq }: RunHint): string =>
  `${encodeURIComponent(tenant)}/${encodeURIComponent(runId)}/${seq}`;

/** BullMQ counts priorities downwards from 1. */
export const jobPriorityOf = (priority: number): number =>
  Math.min(lowest, Math.max(1, 1 + span - Math.round(priority)));

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const isCount = (value: unknown): value is number => Number.isSafeInteger(value);

/** The hint of a job; undefined for a job that is none of ours. */
export const hintOf = (data: unknown): RunHint | undefined => {
  if (typeof data !== 'object' || data === null) return undefined;
  const { tenant, runId, shard, priority, seq } = data as { readonly [field in keyof RunHint]?: unknown };
  if (!isText(tenant) || !isText(runId)) return undefined;
  if (!isCount(shard) || !isCount(priority) || !isCount(seq)) return undefined;
  return { tenant, runId, shard, priority, seq };
};
