import type { Dag, DeadLetter, NumberedDeliveryEvent, RunFact, RunView } from '@skein/domain';
import type { SideEffect } from './side-effects.ts';

/** One run as it was read back: from the store, or over HTTP. */
export interface RunHistory {
  readonly runId: string;
  /** All of its facts, in order. */
  readonly facts: readonly RunFact[];
  /** To fold the facts with. */
  readonly dag?: Dag;
  /** What the list of runs says. */
  readonly head?: { readonly status: string; readonly seq: number };
  /** What a coordinator shows of it. */
  readonly view?: RunView;
}

/** All that a system did, after it has come to rest: what the helpers of the oracle judge. */
export interface History {
  readonly runs: readonly RunHistory[];
  /** Runs that somebody was told of. */
  readonly accepted: readonly { readonly runId: string }[];
  /** Messages that somebody was told of. */
  readonly acceptedMessages: readonly { readonly runId: string; readonly step: string; readonly messageId: string }[];
  /** The whole delivery stream of the tenant, from its first event on. */
  readonly events: readonly NumberedDeliveryEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** What agents did. */
  readonly effects: readonly SideEffect[];
}

/** Takes note of a broken rule. */
export type Report = (problem: string) => void;

/** Lets a check report what it finds: to `report`, or, without it, as one error with all of it. */
export const judge = (name: string, report: Report | undefined, check: (report: Report) => void): void => {
  const problems: string[] = [];
  check(report ?? ((problem) => problems.push(problem)));
  if (problems.length > 0) throw new Error(`${name}:\n  ${problems.join('\n  ')}`);
};

/** A run's event, as HTTP and the SDK give it, as the fact that it was. `at` is ISO 8601. */
export const factOfEvent = (event: {
  readonly type: string;
  readonly at: string;
  readonly data: { readonly [name: string]: unknown };
}): RunFact => ({ v: 1, ...event.data, type: event.type, at: Date.parse(event.at) }) as unknown as RunFact;
