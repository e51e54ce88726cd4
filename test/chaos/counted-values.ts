/** A run that the segments of a rollout sent to an arm. */
export interface RoutedRun {
  readonly runId: string;
  readonly arm: number | undefined;
  /** When a step of the agent was leased first (ms); undefined: never. */
  readonly leasedAt: number | undefined;
}

/** One value of a unit, as observations have it. */
export interface CountedValue {
  /** Of the unit: they are numbered from 1, without gaps. */
  readonly seq: number;
  readonly runId: string;
  readonly arm: number;
}

/**
 * A lease exposes a unit only if it is committed before the end of the rollout, and instants are taken before commits: which came first is certain
 * only beyond the longest stop of a coordinator, and a little; in a fleet also that of its database, and a link to it that is held.
 */
export const raceMs = { alone: 5_000, fleet: 16_000 } as const;

/**
 * What is wrong with the values of one metric, once all runs are over: every unit has one, of the arm that its own run names, also when it ended
 * after the rollout did. A run whose first step of the agent was leased after the end is no unit. `endedAt`: of the rollout; what
 * was leased within `uncertainMs` of it may be one or none (ms).
 */
export const valueProblems = (
  metric: string,
  routed: readonly RoutedRun[],
  values: readonly CountedValue[],
  endedAt = Number.POSITIVE_INFINITY,
  uncertainMs: number = raceMs.alone,
): readonly string[] => {
  const problems: string[] = [];
  const open = new Map(routed.map((run) => [run.runId, run]));
  for (const { runId, arm } of values) {
    const run = open.get(runId);
    if (run === undefined) problems.push(`${metric} of ${runId}, which was no unit or has a value twice`);
    else if (run.arm !== arm) problems.push(`${metric} of ${runId} is counted for arm ${arm}`);
    else if ((run.leasedAt ?? endedAt) > endedAt + uncertainMs)
      problems.push(`${metric} of ${runId}, which began after the end`);
    open.delete(runId);
  }
  for (const { runId, leasedAt = endedAt } of open.values())
    if (leasedAt < endedAt - uncertainMs) problems.push(`${metric} of ${runId} was lost`);
  const known = new Set(values.map(({ seq }) => seq));
  const last = Math.max(0, ...known);
  for (let seq = 1; seq < last; seq += 1) if (!known.has(seq)) problems.push(`${metric} of unit ${seq} was lost`);
  return problems;
};
