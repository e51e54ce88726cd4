import { dagOf, stepOf } from '@skein/testkit';
import { expect, it } from 'vitest';
import { agentStep, messageOf } from '../../test/agent-run.ts';
import { startWithCalls } from '../../test/driven-run.ts';
import type { Step } from '../index.ts';
import { planRun } from '../index.ts';

/** How many steps of a run of `size` steps one plan looks at, with a task, a call, a retry and two unread messages open; a walk over all of them throws. */
const looksOfPlan = (size: number): number => {
  const retryPolicy = { limit: 1, intervalMs: 500, backoff: 1, exitCodes: [] };
  const rest = Array.from({ length: size }, (_, index) => agentStep(`s${index}`, { depends: ['task'] }));
  const call = stepOf('call', { action: { kind: 'call', dag: 'child' } });
  const handlers = { init: stepOf('@init'), exit: stepOf('@exit') };
  const run = startWithCalls(dagOf([stepOf('task'), call, stepOf('again', { retryPolicy }), ...rest], { handlers }));
  run.lease('@init');
  run.finish('@init');
  run.lease('again');
  run.finish('again', { status: 'failed', error: { code: 'internal', message: 'no' } });
  for (const step of ['s1', 's3'])
    run.act({ type: 'send_message', step, message: messageOf(`to ${step}`), ttlMs: 400 });
  let looks = 0;
  const refuse = (): never => {
    throw new Error('the plan walks over all steps');
  };
  const { steps } = run.state;
  const get = steps.get.bind(steps);
  steps.get = (id) => {
    looks += 1;
    return get(id);
  };
  for (const name of ['values', 'keys', 'entries', 'forEach', Symbol.iterator] as const) steps[name] = refuse;
  const plan = planRun(run.state, 1_000);
  expect([plan.ready.length, plan.calls.length, plan.dueAt]).toEqual([1, 1, 1_400]);
  return looks;
};

/** How many steps a plan looks at while so many items wait, one of them with its time over. */
const looksAtWaits = (size: number): number => {
  const action = { kind: 'wait', message: true } as const;
  const foreach = { items: '${params.items}', maxConcurrent: size } as unknown as NonNullable<Step['foreach']>;
  const run = startWithCalls(dagOf([stepOf('w', { action, foreach }), stepOf('once', { action, timeoutMs: 500 })]));
  run.act({ type: 'expand', step: 'w', count: size, items: { inline: [] } });
  for (let item = 0; item < size; item += 1) run.act({ type: 'wait', step: `w[${item}]`, for: 'message' });
  run.act({ type: 'wait', step: 'once', for: 'message' }, 1_000);
  let looks = 0;
  const { steps } = run.state;
  const get = steps.get.bind(steps);
  steps.get = (id) => {
    looks += 1;
    return get(id);
  };
  expect(planRun(run.state, 1_400).dueAt).toBe(1_500);
  expect(planRun(run.state, 1_500).facts).toMatchObject([{ type: 'step_answered', step: 'once' }]);
  return looks;
};

it('a plan looks only at waits that may be over, however many there are', () => {
  expect(looksAtWaits(500)).toBe(looksAtWaits(5));
});

it('a plan looks at the frontier, not at the DAG', () => {
  expect(looksOfPlan(5_000)).toBe(looksOfPlan(5));
});
