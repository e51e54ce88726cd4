import type { SkeinClient } from '@skein/sdk';
import { factsOf } from '../chaos/judge.ts';

const scheduled = ['tick', 'tock'] as const;

/** DAGs that are run every minute. */
export const schedules: Readonly<Record<string, string>> = Object.fromEntries(
  scheduled.map((dag) => [
    `dags/${dag}.yaml`,
    `name: ${dag}\nschedule:\n  - { cron: "* * * * *", id: each-minute }\nsteps:\n  - { id: fire, command: "true" }\n`,
  ]),
);

/** A run that a schedule started. */
export interface Fire {
  readonly dag: string;
  readonly runId: string;
  /** The instant that it was started for. */
  readonly nominalAt: number;
  readonly status: string;
}

/** Every run that a schedule started. */
export const firesOf = async (client: SkeinClient): Promise<readonly Fire[]> => {
  const fires: Fire[] = [];
  for (const dag of scheduled) {
    const { items } = await client.runs.list({ dag, limit: 500 });
    for (const { runId } of items) {
      const { status } = await client.runs.get(runId, { waitMs: 60_000 });
      const [submitted] = await factsOf(client, runId);
      if (submitted?.type !== 'run_submitted' || submitted.source.kind !== 'schedule')
        throw new Error(`${runId} was not started by a schedule`);
      fires.push({ dag, runId, nominalAt: Number(new Date(submitted.source.nominalAt)), status });
    }
  }
  return fires;
};

/** An absence of this length may cost a fire, ms: what is made up for is a minute, less what processes take to start. */
const tooLongMs = 30_000;

/**
 * Fire times with more than one run, runs that have not ended, and minutes between the first and the last fire without a run, unless nobody
 * was there for too long.
 */
export const fireProblems = (fires: readonly Fire[], longestOutageMs = 0): readonly string[] => {
  const problems: string[] = [];
  for (const dag of scheduled) {
    const mine = fires.filter((fire) => fire.dag === dag).toSorted((a, b) => a.nominalAt - b.nominalAt);
    const instants = new Map<number, string[]>();
    for (const { nominalAt, runId, status } of mine) {
      instants.set(nominalAt, [...(instants.get(nominalAt) ?? []), runId]);
      if (status !== 'succeeded' && status !== 'failed') problems.push(`${dag} ${runId} of a schedule is ${status}`);
    }
    for (const [at, runs] of instants)
      if (runs.length > 1) problems.push(`${dag} has ${runs.length} runs for ${new Date(at).toISOString()}`);
    const [first, last] = [mine[0]?.nominalAt ?? 0, mine.at(-1)?.nominalAt ?? 0];
    for (let at = first; at <= last && longestOutageMs < tooLongMs; at += 60_000)
      if (!instants.has(at)) problems.push(`${dag} has no run for ${new Date(at).toISOString()}`);
  }
  return problems;
};
