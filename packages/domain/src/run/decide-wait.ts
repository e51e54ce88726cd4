import { DomainError } from '../errors/domain-error.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { MessageRecord } from '../message/agent-message.ts';
import { consumeMessages, messageAt, unreadMessages } from '../message/mailbox.ts';
import { resolveParams } from '../params/resolve-params.ts';
import { err, ok } from '../result/result.ts';
import type { WaitState } from '../wait/wait-state.ts';
import { endOfWait } from '../wait/wait-state.ts';
import { findTarget } from './create-run-state.ts';
import { noteUnread } from './decide-message.ts';
import { evolvePushBack } from './decide-push-back.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, nothing } from './decision.ts';
import { isStopping } from './handler-phase.ts';
import { applyResult, type Target, takeFromPlanner } from './hold-target.ts';
import { isLeasable, nextAttempt } from './next-attempt.ts';
import type { RecordedResult, RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isTerminalRun } from './run-status.ts';
import type { ValueRef } from './value-ref.ts';

export { decidePushBack } from './decide-push-back.ts';

type Answered = Extract<RunFact, { readonly type: 'step_answered' }>;
type Waiting = Extract<RunFact, { readonly type: 'step_waiting' }>;

/** Begins a `wait` or `approval` step, or item, whose turn has come. It holds no slot, so `max_concurrent` does not bound it. */
export const decideWait = (state: RunState, command: CommandOf<'wait'>, now: number): Decision => {
  const { step, until, prompt } = command;
  const found = findTarget(state, step);
  const definition = state.graph.byId.get(found?.step.path ?? '');
  const kind = command.for === 'approval' ? 'approval' : 'wait';
  if (
    found === undefined ||
    definition?.action.kind !== kind ||
    state.status !== 'running' ||
    isStopping(state) ||
    !isLeasable(found.target, now)
  ) {
    return illegal(state, `step ${step} cannot wait now`);
  }
  if (found.index === undefined && definition.foreach !== undefined)
    return illegal(state, `step ${step} is a fan-out: its items wait`);
  if ((command.for === 'time') !== (until !== undefined))
    return illegal(state, `step ${step} waits for ${command.for}: only a wait for time has an instant`);
  const fact: Waiting = {
    type: 'step_waiting',
    v: 1,
    at: now,
    step,
    attempt: nextAttempt(found.target),
    for: command.for,
    ...(until === undefined ? {} : { until }),
    ...(definition.timeoutMs === undefined ? {} : { deadline: now + definition.timeoutMs }),
    ...(prompt === undefined ? {} : { prompt }),
  };
  return ok([fact]);
};

const answered = (
  target: StepState,
  wait: WaitState,
  now: number,
  answer: Pick<Answered, 'by' | 'decision' | 'message' | 'reason'>,
  result: Pick<RecordedResult, 'outcome' | 'outputs'>,
): Answered => ({
  type: 'step_answered',
  v: 1,
  at: now,
  step: target.path,
  attempt: target.attempt,
  ...answer,
  result: { ...result, durationMs: Math.max(0, now - wait.since) },
});

const inline = (values: { readonly [name: string]: JsonValue }): { readonly [name: string]: ValueRef } =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { inline: value }]));

const isOver = ({ deadline }: WaitState, now: number): boolean => deadline !== undefined && deadline <= now;

/** How an approval that is settled was answered; undefined when it ended otherwise. */
const earlierAnswer = (target: StepState): { readonly decision: string; readonly inputs?: string } | undefined => {
  const { result } = target;
  if (result?.outcome.status === 'succeeded' && result.outputs['approvedBy'] !== undefined) {
    const { approvedBy: _who, ...inputs } = result.outputs;
    return { decision: 'approve', inputs: canonicalJson(inputs as unknown as JsonValue) };
  }
  const rejected = result?.outcome.status === 'failed' && result.outcome.error.details?.['rejectedBy'] !== undefined;
  return rejected ? { decision: 'reject' } : undefined;
};

const rejection = ({ by, reason }: CommandOf<'answer'>): RecordedResult['outcome'] => ({
  status: 'failed',
  error: {
    code: 'permission_denied',
    message: `rejected by ${by}${reason === undefined || reason === '' ? '' : `: ${reason}`}`,
    details: { rejectedBy: by, ...(reason === undefined ? {} : { reason }) },
  },
});

/** A person's word on an approval. The same word again changes nothing; another one, or one that comes too late, is refused. */
export const decideAnswer = (state: RunState, command: CommandOf<'answer'>, now: number): Decision => {
  const { step, by, decision, reason, round } = command;
  const found = findTarget(state, step);
  const action = state.graph.byId.get(found?.step.path ?? '')?.action;
  if (found === undefined) return err(new DomainError('not_found', `there is no step ${step}`, { step }));
  if (action?.kind !== 'approval') return illegal(state, `step ${step} is no approval`);
  const { target } = found;
  if (round !== undefined && round !== (found.step.round ?? 0))
    return illegal(state, `step ${step} is in round ${found.step.round ?? 0} by now`);
  const given = decision === 'approve' ? resolveParams(action.input, command.inputs ?? {}) : ok({});
  if (!given.ok) {
    const problems = given.error.map((problem) => ({
      ...problem,
      field: problem.field?.replace(/^params/, 'inputs'),
      message: problem.message.replace('parameter', 'input'),
      ...(problem.expected === 'no parameters' ? { expected: 'no inputs' } : {}),
    }));
    return err(new DomainError('invalid_argument', problems[0]?.message ?? 'inputs', { problems: problems as [] }));
  }
  const outputs = inline(given.value);
  const { wait } = target;
  if (wait?.for !== 'approval' || isTerminalRun(state.status)) {
    const earlier = earlierAnswer(target);
    const isSame =
      earlier?.decision === decision &&
      (earlier.inputs === undefined || earlier.inputs === canonicalJson(outputs as unknown as JsonValue));
    if (isSame) return nothing;
    const why = earlier === undefined ? `it is ${target.status}` : 'it was answered otherwise';
    return illegal(state, `step ${step} does not wait for approval: ${why}`);
  }
  if (isOver(wait, now)) return illegal(state, `step ${step} waited for approval until its timeout passed`);
  const said = reason === undefined || reason === '' ? {} : { reason };
  return ok([
    decision === 'approve'
      ? answered(
          target,
          wait,
          now,
          { by, decision: 'approved', ...said },
          { outcome: { status: 'succeeded' }, outputs: { ...outputs, approvedBy: { inline: by } } },
        )
      : answered(
          target,
          wait,
          now,
          { by, decision: 'rejected', ...said },
          { outcome: rejection(command), outputs: {} },
        ),
  ]);
};

const onWaiting = (state: RunState, found: Target, fact: Waiting): void => {
  const { target } = found;
  target.status = 'waiting';
  target.attempt = fact.attempt;
  target.attemptStarted = false;
  target.startedAt = fact.at;
  target.wait = {
    for: fact.for,
    since: fact.at,
    ...(fact.until === undefined ? {} : { until: fact.until }),
    ...(fact.deadline === undefined ? {} : { deadline: fact.deadline }),
    ...(fact.prompt === undefined ? {} : { prompt: fact.prompt }),
  };
  delete target.notBefore;
  state.waits.set(target.path, endOfWait(target.wait));
  takeFromPlanner(state, found);
};

/** The message that ended a wait is read with the same fact (D5). */
const consume = (state: RunState, target: StepState, number: number): void => {
  if (target.mailbox === undefined || messageAt(target.mailbox, number)?.state !== 'accepted') return;
  consumeMessages(target.mailbox, [number], undefined);
  noteUnread(state, target);
};

/** Applies the beginning, the end, or the push-back of a waiting step. */
export const evolveWait = (
  state: RunState,
  fact: Extract<RunFact, { readonly type: 'step_waiting' | 'step_answered' | 'step_pushed_back' }>,
): void => {
  if (fact.type === 'step_pushed_back') {
    evolvePushBack(state, fact);
    return;
  }
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  if (fact.type === 'step_waiting') {
    onWaiting(state, found, fact);
    return;
  }
  if (found.target.wait === undefined) return;
  if (fact.message !== undefined) consume(state, found.target, fact.message);
  const { decision, by, reason, at } = fact;
  found.target.answer = reason === undefined ? { decision, by, at } : { decision, by, reason, at };
  applyResult(state, found, fact);
};

const timedOut = (target: StepState, wait: WaitState, now: number): Answered => {
  const seconds = ((wait.deadline ?? now) - wait.since) / 1_000;
  const what = { approval: 'an approval', message: 'a message', time: 'its time' }[wait.for];
  const message = `the step waited for ${what} longer than its timeout of ${seconds} s`;
  const error = { code: 'deadline_exceeded', message, details: { reason: 'timeout' } } as const;
  const outcome = { status: 'failed', error } as const;
  return answered(target, wait, now, { by: 'timeout', decision: 'timed_out' }, { outcome, outputs: {} });
};

const byMessage = (target: StepState, wait: WaitState, message: MessageRecord, now: number): Answered => {
  const { text, sender, messageId, number } = message;
  return answered(
    target,
    wait,
    now,
    { by: sender, decision: 'message', message: number },
    { outcome: { status: 'succeeded' }, outputs: inline({ text, sender, messageId }) },
  );
};

/** How a wait ends at `now`; undefined while it goes on. Of two ends, the one that came first counts. */
const endOf = (target: StepState, wait: WaitState, now: number): Answered | undefined => {
  const { until, deadline = Number.POSITIVE_INFINITY } = wait;
  if (until !== undefined && until <= now && until <= deadline) {
    return answered(
      target,
      wait,
      now,
      { by: 'time', decision: 'time' },
      { outcome: { status: 'succeeded' }, outputs: {} },
    );
  }
  if (wait.for === 'message' && target.mailbox !== undefined) {
    const [first] = unreadMessages(target.mailbox);
    if (first !== undefined && first.at <= deadline) return byMessage(target, wait, first, now);
  }
  return deadline <= now ? timedOut(target, wait, now) : undefined;
};

/** Waits whose time, message or timeout came. Facts to append, and the next instant (ms) at which one comes. */
export const planWaits = (
  state: RunState,
  now: number,
): { readonly facts: readonly RunFact[]; readonly dueAt?: number } => {
  const facts: RunFact[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  const mayBeRead = state.unread.size > 0;
  // There may be thousands, and each turn comes by here: only those that may end are looked at.
  for (const [path, endsAt] of state.waits) {
    const target = endsAt <= now || (mayBeRead && state.unread.has(path)) ? findTarget(state, path)?.target : undefined;
    const fact = target?.wait === undefined ? undefined : endOf(target, target.wait, now);
    if (fact === undefined) dueAt = Math.min(dueAt, endsAt);
    else facts.push(fact);
  }
  return Number.isFinite(dueAt) ? { facts, dueAt } : { facts };
};
