import { isHandlerId } from '../dag/dag.ts';
import { DomainError } from '../errors/domain-error.ts';
import { err, ok } from '../result/result.ts';
import type { TaskResult } from '../task/task-result.ts';
import { findTarget } from './create-run-state.ts';
import { decideCall, decideReleaseSecret, decideReturn } from './decide-call.ts';
import { decideCheckpoint } from './decide-checkpoint.ts';
import { closeMailboxes, decideSendMessage, hasToBeRead } from './decide-message.ts';
import { decideMigrate } from './decide-migrate.ts';
import { decideAnswer, decidePushBack, decideWait } from './decide-wait.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, itemLimitReached, nothing, retryAtOf } from './decision.ts';
import { isStopping } from './handler-phase.ts';
import type { Target } from './hold-target.ts';
import { isLeasable, nextAttempt } from './next-attempt.ts';
import type { KeptStep, RunCommand } from './run-command.ts';
import type { RecordedResult, RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isSettledStep, isTerminalRun } from './run-status.ts';
import { countsAsLoss, endByLoss, lossDelayMs } from './worker-loss.ts';

/** Handlers are never kept: they belong to one run. */
const keptFacts = (kept: readonly KeptStep[], at: number): RunFact[] =>
  kept.flatMap((step): RunFact[] => {
    if (isHandlerId(step.step)) return [];
    if (step.expanded !== undefined) {
      return [
        { type: 'fanout_expanded', v: 1, at, step: step.step, count: step.expanded.count, items: step.expanded.items },
      ];
    }
    const fact = { type: 'step_kept', v: 1, at, step: step.step, result: step.result, attempt: step.attempt } as const;
    return [step.workerId === undefined ? fact : { ...fact, workerId: step.workerId }];
  });

const submit = (state: RunState, command: CommandOf<'submit'>, now: number): Decision => {
  if (state.seq !== 0) return illegal(state, 'the run was submitted before');
  const { dagDigest, params, paramsRef, routingContext, priority, source, timeoutMs, untrustedInput, traceparent } =
    command;
  const fact = {
    type: 'run_submitted',
    v: 1,
    at: now,
    dag: state.dag.name,
    dagDigest,
    params,
    routingContext,
    priority,
    source,
    ...(paramsRef === undefined ? {} : { paramsRef }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(untrustedInput === undefined ? {} : { untrustedInput }),
    ...(traceparent === undefined ? {} : { traceparent }),
  } as const;
  return ok([fact, ...keptFacts(command.kept ?? [], now)]);
};

const admit = (state: RunState, command: CommandOf<'admit'>, now: number): Decision => {
  if (state.seq === 0 || state.status !== 'queued' || state.cancel !== undefined)
    return illegal(state, 'only a queued run can be admitted');
  const { agents, snapshotDigest, calls, memory } = command;
  return ok([
    {
      type: 'run_admitted',
      v: 1,
      at: now,
      agents,
      ...(snapshotDigest === undefined ? {} : { snapshotDigest }),
      ...(calls === undefined ? {} : { calls }),
      ...(memory === undefined ? {} : { memory }),
    },
  ]);
};

const expand = (state: RunState, command: CommandOf<'expand'>, now: number): Decision => {
  const step = state.steps.get(command.step);
  if (isStopping(state) || step?.status !== 'ready' || step.fanout !== undefined) {
    return illegal(state, `step ${command.step} cannot be expanded now`);
  }
  return ok([
    { type: 'fanout_expanded', v: 1, at: now, step: command.step, count: command.count, items: command.items },
  ]);
};

const lease = (state: RunState, command: CommandOf<'lease'>, now: number): Decision => {
  const found = findTarget(state, command.step);
  if (found === undefined || state.status !== 'running' || isStopping(state) || !isLeasable(found.target, now)) {
    return illegal(state, `step ${command.step} cannot be leased now`);
  }
  const definition = state.graph.byId.get(found.step.path);
  const kind = definition?.action.kind;
  if (kind === 'call') return illegal(state, `step ${command.step} calls a DAG: no worker takes it`);
  if (kind === 'wait' || kind === 'approval') return illegal(state, `step ${command.step} waits: no worker takes it`);
  const isItem = found.index !== undefined;
  if (!isItem && definition?.foreach !== undefined)
    return illegal(state, `step ${command.step} is a fan-out: its items are leased`);
  if (isItem && itemLimitReached(state, found)) {
    return illegal(state, `step ${found.step.path} is at its max_concurrent`);
  }
  const { step, workerId, sessionId } = command;
  return ok([{ type: 'step_leased', v: 1, at: now, step, attempt: nextAttempt(found.target), workerId, sessionId }]);
};

const recorded = (state: RunState, result: TaskResult): RecordedResult => {
  const { outcome, exitCode, stdout, outputs, usage, continueOnOutput, proposals, durationMs } = result;
  const settled: RecordedResult['outcome'] =
    outcome.status === 'cancelled' && !isStopping(state)
      ? {
          status: 'failed',
          error: { code: 'cancelled', message: 'the worker stopped the step though nobody had asked for it' },
        }
      : outcome;
  return {
    outcome: settled,
    outputs,
    durationMs,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(usage === undefined ? {} : { usage }),
    ...(continueOnOutput === undefined ? {} : { continueOnOutput }),
    ...(proposals === undefined || proposals.length === 0 ? {} : { proposals: proposals.length }),
  };
};

const stale = (state: RunState, target: StepState | undefined, result: TaskResult): Decision =>
  err(
    new DomainError('stale_fencing_token', `token ${result.token} of ${result.step} is not the current one`, {
      runId: state.runId,
      step: result.step,
      token: result.token,
      current: target?.lease?.token ?? target?.resultToken ?? 0,
    }),
  );

/** Results in a row that are not taken because of a message that asks to be read; a worker that never reads it ends all the same. */
const maxUnreadReturns = 5;

const mustGoOn = (state: RunState, target: StepState, now: number): boolean =>
  !isStopping(state) && (target.unreadReturns ?? 0) < maxUnreadReturns && hasToBeRead(target, now);

/** R2: at most one result per step, and only by the holder of the current token. The recorded one again is a no-op. */
const finish = (state: RunState, command: CommandOf<'finish'>, now: number): Decision => {
  const { result, workerId } = command;
  const found = findTarget(state, result.step);
  if (found?.target.resultToken !== undefined && found.target.resultToken === result.token) return nothing;
  const current = found?.target.lease;
  if (found === undefined || isTerminalRun(state.status) || current === undefined)
    return stale(state, found?.target, result);
  if (current.token !== result.token || current.workerId !== workerId || found.target.attempt !== result.attempt) {
    return stale(state, found.target, result);
  }
  if (result.outcome.status === 'released') {
    return ok([
      { type: 'step_lost', v: 1, at: now, step: result.step, token: result.token, reason: 'drained', started: false },
    ]);
  }
  const record = recorded(state, result);
  if (record.outcome.status === 'succeeded' && mustGoOn(state, found.target, now)) {
    const { step, token } = result;
    return ok([{ type: 'step_lost', v: 1, at: now, step, token, reason: 'unread_message', started: true }]);
  }
  const fact = {
    type: 'step_finished',
    v: 1,
    at: now,
    step: result.step,
    attempt: result.attempt,
    token: result.token,
    workerId,
    startedAt: current.startedAt ?? Math.max(current.leasedAt, now - result.durationMs),
    result: record,
  } as const;
  const retryAt = retryAtOf(state, found, record, now);
  return ok([retryAt === undefined ? fact : { ...fact, retryAt }]);
};

const lose = (state: RunState, command: CommandOf<'lose'>, now: number): Decision => {
  const found = findTarget(state, command.step);
  const lease = found?.target.lease;
  if (found === undefined || lease?.token !== command.token) return nothing;
  const { step, token, reason, shared, suspect, late, random } = command;
  // A durable point under this lease says that step code began, whatever was heard of it.
  const started = command.started || (countsAsLoss(reason) && lease.startedAt !== undefined);
  const loss = {
    reason,
    started,
    ...(shared === undefined ? {} : { shared }),
    ...(suspect === undefined ? {} : { suspect }),
    ...(late === undefined ? {} : { late }),
  };
  const fact = { type: 'step_lost', v: 1, at: now, step, token, ...loss } as const;
  const end = endByLoss(found.target, state.graph.byId.get(found.step.path)?.onWorkerLoss ?? 'retry', loss);
  if (end !== undefined) return ok([{ ...fact, ...end }]);
  const delay = random === undefined || isStopping(state) ? 0 : lossDelayMs(found.target, loss, random);
  return ok([delay === 0 ? fact : { ...fact, retryAt: now + delay }]);
};

/** True when nobody holds the target and it is its turn, so that it may be settled from outside. */
const isUnheld = (found: Target | undefined): found is Target => {
  if (found === undefined) return false;
  const { status, lease, call, wait, fanout, path } = found.target;
  // A fan-out that has its items ends by them: some may be held. A handler whose turn has not come may never run.
  const isOut = lease !== undefined || call !== undefined || wait !== undefined || fanout !== undefined;
  return !isOut && !isSettledStep(status) && !(isHandlerId(path) && status === 'pending');
};

const failStep = (state: RunState, command: CommandOf<'fail_step'>, now: number): Decision => {
  const found = findTarget(state, command.step);
  if (!isUnheld(found)) return illegal(state, `step ${command.step} cannot be failed now`);
  return ok([{ type: 'step_failed', v: 1, at: now, step: command.step, error: command.error }]);
};

const skipStep = (state: RunState, command: CommandOf<'skip_step'>, now: number): Decision => {
  const found = findTarget(state, command.step);
  if (!isUnheld(found) || state.status !== 'running' || isStopping(state) || !isLeasable(found.target, now)) {
    return illegal(state, `step ${command.step} cannot be skipped now`);
  }
  return ok([{ type: 'step_skipped', v: 1, at: now, step: command.step, reason: 'precondition_not_met' }]);
};

const cancel = (state: RunState, command: CommandOf<'cancel'>, now: number): Decision => {
  if (state.seq === 0 || isTerminalRun(state.status)) return illegal(state, 'the run is finished');
  if (isStopping(state)) return nothing;
  const fact = { type: 'cancel_requested', v: 1, at: now, by: command.by, reason: command.reason } as const;
  return ok([command.message === undefined ? fact : { ...fact, message: command.message }]);
};

const reject = (state: RunState, command: CommandOf<'reject'>, now: number): Decision => {
  if (state.seq === 0 || state.status !== 'queued') return illegal(state, 'only a queued run can be rejected');
  const end = { type: 'run_finished', v: 1, at: now, status: 'failed', partial: false, error: command.error } as const;
  return ok([...closeMailboxes(state, now), end]);
};

/**
 * What a command means for a run: the facts to append (none when it changes nothing, such as a repeated result), or why it is refused.
 * Pure; the state is not touched. Errors: `illegal_transition`, `stale_fencing_token`. `now` in ms since the epoch.
 */
export const decide = (state: RunState, command: RunCommand, now: number): Decision => {
  switch (command.type) {
    case 'submit':
      return submit(state, command, now);
    case 'admit':
      return admit(state, command, now);
    case 'migrate':
      return decideMigrate(state, command, now);
    case 'expand':
      return expand(state, command, now);
    case 'lease':
      return lease(state, command, now);
    case 'finish':
      return finish(state, command, now);
    case 'lose':
      return lose(state, command, now);
    case 'call':
      return decideCall(state, command, now);
    case 'return':
      return decideReturn(state, command, now);
    case 'release_secret':
      return decideReleaseSecret(state, command, now);
    case 'checkpoint':
      return decideCheckpoint(state, command, now);
    case 'send_message':
      return decideSendMessage(state, command, now);
    case 'wait':
      return decideWait(state, command, now);
    case 'answer':
      return decideAnswer(state, command, now);
    case 'push_back':
      return decidePushBack(state, command, now);
    case 'fail_step':
      return failStep(state, command, now);
    case 'skip_step':
      return skipStep(state, command, now);
    case 'cancel':
      return cancel(state, command, now);
    case 'reject':
      return reject(state, command, now);
  }
};
