import { dagOf, stepOf } from '@skein/testkit';
import type { Dag, HandlerName, RunCommand, Step } from '../src/index.ts';
import { handlerStepId, viewRun } from '../src/index.ts';
import type { start } from './driven-run.ts';

type Run = ReturnType<typeof start>;

/** What differs from a no-op in the handlers that a DAG has. */
export type HandlerFields = { readonly [name in HandlerName]?: Partial<Step> };

/** A DAG of `a` and then `b`, with these handlers. */
export const dagWith = (handlers: HandlerFields, fields: Partial<Dag> = {}): Dag =>
  dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], {
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([name, own]) => [name, stepOf(handlerStepId(name as HandlerName), own)]),
    ),
    ...fields,
  });

/** A tolerated failure. */
export const tolerant = { failure: true, skipped: false, exitCodes: [], output: [], markSuccess: false };

/** Somebody wants the run to end. */
export const cancel: RunCommand = { type: 'cancel', by: 'someone', reason: 'requested' };

/** The types of the facts so far. */
export const types = (run: Run): readonly string[] => run.log.map(({ type }) => type);

/** What may be leased, after all facts that follow by themselves. */
export const ready = (run: Run, now = 1_000): readonly string[] => run.settle(now).ready.map(({ step }) => step);

/** The handlers as a reader sees them: id and status. */
export const handlers = (run: Run): readonly string[] =>
  (viewRun(run.state).handlers ?? []).map(({ id, status }) => `${id} ${status}`);

/** Leases and finishes steps one after the other; throws when one is not ready. */
export const runThrough = (run: Run, ...steps: readonly string[]): void => {
  for (const step of steps) {
    if (!ready(run).includes(step)) throw new Error(`${step} is not ready`);
    run.lease(step);
    run.finish(step);
  }
};
