import { DomainError } from '../errors/domain-error.ts';
import type { StepId } from '../identity/ids.ts';
import { err, ok } from '../result/result.ts';
import { maxRounds } from '../wait/wait-state.ts';
import { findTarget } from './create-run-state.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, nothing } from './decision.ts';
import { isStopping } from './handler-phase.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { enterFrontier } from './settle-step.ts';

type PushedBack = Extract<RunFact, { readonly type: 'step_pushed_back' }>;

const reach = (from: StepId, next: (id: StepId) => readonly StepId[]): ReadonlySet<StepId> => {
  const seen = new Set<StepId>();
  const open = [...next(from)];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...next(id));
  }
  return seen;
};

const targetsOf = (step: StepState): readonly StepState[] => step.fanout?.states ?? [step];

const isHeld = (step: StepState): boolean =>
  targetsOf(step).some(({ lease, call }) => lease !== undefined || call !== undefined);

/** Nothing of the step was ever begun, so that it needs no new round: it waits for its dependencies again, and its mailbox stays. */
const isFresh = (step: StepState): boolean =>
  !isSettledStep(step.status) && step.attempt === 0 && step.fanout === undefined;

/** Nobody is left unread in silence (D4): a mailbox that goes with its round says so. */
const endsOfMessages = (step: StepState, now: number): readonly RunFact[] =>
  [step, ...(step.fanout?.states ?? [])].flatMap(({ path, mailbox }) =>
    (mailbox?.messages ?? []).flatMap((message): readonly RunFact[] => {
      if (message.state !== 'accepted') return [];
      const {
        number,
        state: _state,
        presentations: _presentations,
        droppedAt: _droppedAt,
        reply: _reply,
        ...sent
      } = message;
      const state = message.requireAck === true ? 'dead_lettered' : 'rejected';
      const ended = {
        type: 'message_ended',
        v: 1,
        at: now,
        step: path,
        number,
        state,
        reason: 'step_finished',
      } as const;
      return [{ ...ended, message: { ...sent, number } }];
    }),
  );

/** Another round of the steps from one before the approval on. The same push-back again, while its round is under way, changes nothing. */
export const decidePushBack = (state: RunState, command: CommandOf<'push_back'>, now: number): Decision => {
  const { step: path, by, feedback } = command;
  const found = findTarget(state, path);
  const definition = state.graph.byId.get(found?.step.path ?? '');
  if (found === undefined) return err(new DomainError('not_found', `there is no step ${path}`, { step: path }));
  if (definition?.action.kind !== 'approval') return illegal(state, `step ${path} is no approval`);
  if (found.index !== undefined) return illegal(state, `step ${path} is an item: it can be approved or rejected only`);
  const to = command.to ?? definition.action.rewind;
  const before = reach(definition.id, (id) => state.graph.byId.get(id)?.depends ?? []);
  if (to === undefined || !before.has(to)) {
    const message =
      to === undefined
        ? `step ${path} has no rewind: say to which step it is pushed back`
        : `step ${to} is not before ${path}`;
    const names = state.dag.steps.flatMap(({ id }) => (before.has(id) ? [id] : []));
    const problems = [{ field: 'to', message, expected: names.join(', ') || 'no step comes before it' }];
    return err(new DomainError('invalid_argument', message, { problems }));
  }
  const { wait } = found.target;
  const last = state.feedback;
  if (wait === undefined) {
    const isRepeated =
      !isSettledStep(found.target.status) && last?.by === by && last.to === to && last.text === feedback;
    return isRepeated
      ? nothing
      : illegal(state, `step ${path} does not wait for approval: it is ${found.target.status}`);
  }
  if (command.round !== undefined && command.round !== (found.step.round ?? 0))
    return illegal(state, `step ${path} is in round ${found.step.round ?? 0} by now`);
  if (isStopping(state)) return illegal(state, 'the run is being stopped');
  if (wait.deadline !== undefined && wait.deadline <= now)
    return illegal(state, `step ${path} waited for approval until its timeout passed`);
  const round = (last?.round ?? 0) + 1;
  if (round > maxRounds) return illegal(state, `a run has at most ${maxRounds} rounds`);
  const after = reach(to, (id) => state.graph.dependants.get(id) ?? []);
  const touched = state.dag.steps.flatMap(({ id }) => {
    const step = id === to || after.has(id) ? state.steps.get(id) : undefined;
    return step === undefined || isFresh(step) ? [] : [step];
  });
  const held = touched.find(isHeld);
  if (held !== undefined)
    return illegal(state, `step ${held.path} follows ${to} and is under way: wait until it settles`);
  const steps = touched.map((step) => step.path);
  return ok([
    ...touched.flatMap((step) => endsOfMessages(step, now)),
    { type: 'step_pushed_back', v: 1, at: now, step: path, to, by, feedback, round, steps },
  ]);
};

/** A step as before its first lease, but for the numbers that must never come twice: of the attempt, and of the last result. */
const resetStep = (state: RunState, step: StepState): void => {
  const attempt = Math.max(step.attempt, ...targetsOf(step).map((target) => target.attempt));
  for (const { path } of [step, ...targetsOf(step)]) {
    state.waits.delete(path);
    state.unread.delete(path);
  }
  const { path, openDependencies, resultToken, round = 0 } = step;
  const fresh: StepState = {
    path,
    status: 'pending',
    attempt,
    failures: 0,
    losses: 0,
    unstartedLosses: 0,
    attemptStarted: attempt > 0,
    openDependencies,
    round: round + 1,
    ...(resultToken === undefined ? {} : { resultToken }),
  };
  state.steps.set(path, fresh);
};

/** Lets the steps of a push-back run again; those that depend on them wait again. */
export const evolvePushBack = (state: RunState, fact: PushedBack): void => {
  for (const id of fact.steps) {
    const step = state.steps.get(id);
    if (step === undefined) continue;
    if (isSettledStep(step.status)) state.openSteps += 1;
    resetStep(state, step);
    state.frontier.delete(id);
  }
  state.feedback = { round: fact.round, to: fact.to, by: fact.by, text: fact.feedback };
  const waiting = new Set(fact.steps.flatMap((id) => [id, ...(state.graph.dependants.get(id) ?? [])]));
  for (const id of waiting) {
    const step = state.steps.get(id);
    if (step === undefined || isSettledStep(step.status)) continue;
    const depends = state.graph.byId.get(id)?.depends ?? [];
    step.openDependencies = depends.filter((each) => !isSettledStep(state.steps.get(each)?.status ?? 'pending')).length;
    if (step.openDependencies === 0) continue;
    step.status = 'pending';
    state.frontier.delete(id);
  }
  const first = state.steps.get(fact.to);
  if (first !== undefined) enterFrontier(state, first);
};
