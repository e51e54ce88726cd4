import { dagOf, stepOf } from '@skein/testkit';
import type { Dag, JsonValue, ParamDef, Step } from '../src/index.ts';
import { findTarget } from '../src/index.ts';
import type { start } from './driven-run.ts';

type Run = ReturnType<typeof start>;

/** A step that waits until somebody approves. */
export const approvalOf = (
  id: string,
  fields: Partial<Step> = {},
  action: { readonly input?: readonly ParamDef[]; readonly rewind?: string } = {},
): Step => stepOf(id, { action: { kind: 'approval', prompt: 'publish?', input: [], ...action }, ...fields });

/** A step that waits for a time. */
export const timerOf = (id: string, durationMs: number, fields: Partial<Step> = {}): Step =>
  stepOf(id, { action: { kind: 'wait', durationMs }, ...fields });

/** A step that waits for a message. */
export const inboxOf = (id: string, fields: Partial<Step> = {}): Step =>
  stepOf(id, { action: { kind: 'wait', message: true }, ...fields });

/** `draft`, its check, `approve` (rewind: draft) and `publish`, with `log` that follows `draft` beside them. */
export const reviewDag = (fields: Partial<Dag> = {}): Dag =>
  dagOf(
    [
      stepOf('draft'),
      stepOf('check', { depends: ['draft'] }),
      stepOf('log', { depends: ['draft'] }),
      approvalOf('approve', { depends: ['check'] }, { rewind: 'draft' }),
      stepOf('publish', { depends: ['approve', 'log'] }),
    ],
    fields,
  );

/** Hands on a run with waiting steps. */
export const waitingRun = (run: Run) => {
  const work = (...steps: readonly string[]) => {
    for (const step of steps) {
      run.settle();
      run.lease(step);
      run.finish(step);
    }
    return run.settle();
  };
  const askApproval = (step = 'approve', now = 1_000) =>
    run.act({ type: 'wait', step, for: 'approval', prompt: 'publish?' }, now);
  const answer = (
    step: string,
    decision: 'approve' | 'reject',
    more: {
      readonly inputs?: { readonly [name: string]: JsonValue };
      readonly reason?: string;
      readonly by?: string;
    } = {},
    now = 1_000,
  ) => run.act({ type: 'answer', step, decision, by: 'ada', ...more }, now);
  const pushBack = (feedback = 'shorter', to?: string, now = 1_000) =>
    run.act({ type: 'push_back', step: 'approve', by: 'ada', feedback, ...(to === undefined ? {} : { to }) }, now);
  const status = (path: string) => findTarget(run.state, path)?.target.status;
  return { work, askApproval, answer, pushBack, status };
};
