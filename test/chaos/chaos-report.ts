import type { LedgerLine } from './ledger.ts';

/** What came of a chaos run. Times in ms. */
export interface ChaosReport {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly accepted: number;
  readonly completed: number;
  /** Of the completed: steps given up after they lost their worker too often; typed, not lost. */
  readonly poisoned: number;
  /** Accepted runs that never ended, and ends that are not what the DAG says. */
  readonly lost: readonly string[];
  /** Steps with more than one recorded success, and runs with more than one end. */
  readonly duplicates: readonly string[];
  /** Successes that are recorded without the step having written its end. */
  readonly unproved: readonly string[];
  /** Rules of delivery that do not hold: fencing, order, events. */
  readonly broken: readonly string[];
  /** Writes of workers that came after their lease, and were refused. */
  readonly fenced: number;
  /** Tool calls of agents with effects whose result is recorded, and which are in the ledger once. */
  readonly effects: number;
  /** Sent by the load: taken, found again by a repetition, read, ended unread. */
  readonly messages: {
    readonly accepted: number;
    readonly repeated: number;
    readonly consumed: number;
    readonly ended: number;
  };
  /** How the two rollouts ended, and the units that were counted by arm. */
  readonly rollouts: readonly {
    readonly agentId: string;
    readonly status: string;
    readonly units: readonly number[];
  }[];
  readonly approvals: { readonly approved: number; readonly pushedBack: number };
  /** How many steps (and items) began once, twice, and so on; a retry of a failed attempt begins the step again, too. */
  readonly executions: Readonly<Record<string, number>>;
  /** From a worker's kill to the next begin of a step that it had been running. */
  readonly workerRecoveryMs: readonly number[];
  /** How long the API did not answer. */
  readonly outagesMs: readonly number[];
  readonly orphans: readonly string[];
}

/** The value below which this share of all lies. */
export const percentile = (values: readonly number[], share: number): number | undefined => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
};

const keyOf = (line: LedgerLine): string => `${line.runId} ${line.step}`;

/** How many steps began once, twice, … */
export const countExecutions = (lines: readonly LedgerLine[]): Readonly<Record<string, number>> => {
  const begins = new Map<string, number>();
  for (const line of lines) if (line.kind === 'begin') begins.set(keyOf(line), (begins.get(keyOf(line)) ?? 0) + 1);
  const counts: Record<string, number> = {};
  for (const times of begins.values()) counts[times] = (counts[times] ?? 0) + 1;
  return counts;
};

/** For each step that a killed worker was running: how long until it began again. */
export const workerRecoveries = (
  lines: readonly LedgerLine[],
  faults: readonly { readonly what: string; readonly pid: number; readonly at: number }[],
): readonly number[] => {
  const recoveries: number[] = [];
  for (const { what, pid, at } of faults) {
    if (what !== 'kill worker') continue;
    const mine = lines.filter((line) => line.workerPid === pid);
    const ended = new Set(mine.filter((line) => line.kind === 'end').map((line) => `${keyOf(line)} ${line.attempt}`));
    for (const begin of mine.filter((line) => line.kind === 'begin' && !ended.has(`${keyOf(line)} ${line.attempt}`))) {
      const again = lines.find(
        (line) => line.kind === 'begin' && keyOf(line) === keyOf(begin) && line.workerPid !== pid && line.seenAt > at,
      );
      // A step that had failed or whose end was written elsewhere meanwhile has nothing to recover.
      if (again !== undefined) recoveries.push(again.seenAt - at);
    }
  }
  return recoveries;
};

const ms = (value: number | undefined): string => (value === undefined ? '-' : `${Math.round(value)} ms`);

/** All that is wrong. */
export const problemsOf = (report: ChaosReport): readonly string[] => [
  ...report.lost,
  ...report.duplicates,
  ...report.unproved,
  ...report.broken,
  ...report.orphans,
];

/** Throws all that is wrong, line by line, with the seed: an assertion would cut it short. */
export const expectNoProblems = (report: ChaosReport): void => {
  const problems = problemsOf(report);
  if (problems.length > 0)
    throw new Error([`seed ${report.seed}: ${problems.length} problems`, ...problems].join('\n'));
};

/** The report as a table. */
export const renderReport = (report: ChaosReport): string => {
  const { workerRecoveryMs: recovery, outagesMs: outages } = report;
  const rows: readonly (readonly [string, string])[] = [
    ['seed', String(report.seed)],
    ['seconds', report.seconds.toFixed(1)],
    [
      'faults',
      Object.entries(report.faults)
        .map(([what, count]) => `${count} x ${what}`)
        .join(', '),
    ],
    ['accepted', String(report.accepted)],
    ['completed', `${report.completed} (${report.poisoned} given up as poison)`],
    ['lost', String(report.lost.length)],
    ['duplicate completions, effects, readings', String(report.duplicates.length)],
    ['effects of agents', String(report.effects)],
    ['fenced writes', String(report.fenced)],
    ['broken rules of delivery', String(report.broken.length)],
    [
      'messages',
      `${report.messages.accepted} accepted, ${report.messages.repeated} found again, ${report.messages.consumed} consumed, ${report.messages.ended} ended unread`,
    ],
    ['approvals', `${report.approvals.approved} approved, ${report.approvals.pushedBack} pushed back`],
    [
      'rollouts',
      report.rollouts
        .map(({ agentId, status, units }) => `${agentId} ${status} (${units.join(' and ')} units)`)
        .join(', '),
    ],
    ['completions without effect', String(report.unproved.length)],
    [
      'executions per step',
      Object.entries(report.executions)
        .map(([times, count]) => `${times}: ${count}`)
        .join(', '),
    ],
    [
      'recovery after a killed worker',
      `p50 ${ms(percentile(recovery, 0.5))}, p99 ${ms(percentile(recovery, 0.99))} (${recovery.length} steps)`,
    ],
    ['API away', `p50 ${ms(percentile(outages, 0.5))}, p99 ${ms(percentile(outages, 0.99))} (${outages.length} times)`],
    ['orphan processes', String(report.orphans.length)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
};
