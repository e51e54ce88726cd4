import { setTimeout as sleep } from 'node:timers/promises';
import type { SkeinClient } from '@skein/sdk';
import { demoTickets } from './tickets.ts';

/** Runs that are under way at once. */
const width = 24;

/** Longest wait for one run, ms. */
const waitMs = 30_000;

/** Runs that may be over and not counted yet: on a slow machine traffic waits for the evidence, not the other way round. */
const maxUncounted = 150;

/** Which customers come, and when it is enough. */
export interface DriveOptions {
  readonly dag: string;
  /** Each customer comes once, under a routing key of its own. */
  readonly customer: (index: number) => string;
  readonly limit: number;
  readonly enough: () => boolean;
  /** Units that the evidence has counted so far. */
  readonly counted: () => number;
  readonly signal: AbortSignal;
}

/** What was driven. */
export interface Driven {
  readonly runs: number;
  /** Of the runs that met another version than the stable one: the instant of the last admission, ms. */
  readonly lastCandidateAt?: number;
  readonly candidateRuns: number;
}

/** Sends one run after the other, some at once, until it is enough. A run that fails is traffic too. */
export const driveRuns = async (client: SkeinClient, options: DriveOptions): Promise<Driven> => {
  let next = 0;
  let over = 0;
  let candidateRuns = 0;
  let lastCandidateAt: number | undefined;
  const lane = async (): Promise<void> => {
    while (next < options.limit && !options.enough() && !options.signal.aborted) {
      if (over - options.counted() > maxUncounted) {
        await sleep(100);
        continue;
      }
      const index = next++;
      const ticket = demoTickets[index % demoTickets.length];
      if (ticket === undefined) return;
      const { run: submitted } = await client.runs.submit({
        dag: options.dag,
        params: { tickets: [{ text: ticket.text }], expected: ticket.expected },
        routingContext: { resourceId: options.customer(index) },
      });
      const run = await client.runs.get(submitted.runId, { waitMs, signal: options.signal });
      over += 1;
      const met = Object.values(run.agents).some(({ source, arm = 0 }) => source === 'segments' && arm > 0);
      if (!met || run.startedAt === undefined) continue;
      candidateRuns += 1;
      lastCandidateAt = Math.max(lastCandidateAt ?? 0, Date.parse(run.startedAt));
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return { runs: next, candidateRuns, ...(lastCandidateAt === undefined ? {} : { lastCandidateAt }) };
};
