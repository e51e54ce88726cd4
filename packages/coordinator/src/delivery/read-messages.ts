import type { MessageView, RunId, RunState, StepPath, TenantId } from '@skein/domain';
import { DomainError, findTarget, isSettledStep, isTerminalRun, messageViewsOf, viewMessage } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { readLogFacts } from '../query/read-log-facts.ts';
import { watchUntil } from '../query/watch-until.ts';
import type { RunActor } from '../run/run-actor.ts';
import { messageHintsOf } from './deliver-messages.ts';

const noStep = (runId: RunId, step: StepPath): DomainError =>
  new DomainError('not_found', `the run has no step ${step}`, { runId, step });

/** Messages of a step, of all rounds, in order. Throws `not_found`. See `Coordinator.listMessages`. */
export const listMessages = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
): Promise<readonly MessageView[]> => {
  const hints = await engine.runs.read(engine, tenant, runId, (state, actor) => {
    if (findTarget(state, step) === undefined) throw noStep(runId, step);
    return messageHintsOf(engine, actor, step);
  });
  return messageViewsOf(runId, step, await readLogFacts(engine, tenant, runId), hints);
};

interface Seen {
  readonly message: MessageView;
  /** Nobody will read or answer it any more. */
  readonly over: boolean;
}

const seenIn = (
  engine: Engine,
  state: RunState,
  actor: RunActor | undefined,
  step: StepPath,
  messageId: string,
): Seen | undefined => {
  const target = findTarget(state, step)?.target;
  if (target === undefined) throw noStep(state.runId, step);
  const record = target.mailbox?.messages.findLast((one) => one.messageId === messageId);
  if (record === undefined) return undefined;
  return {
    message: viewMessage(state.runId, step, target.round ?? 0, record, messageHintsOf(engine, actor, step)),
    over: isTerminalRun(state.status) || isSettledStep(target.status),
  };
};

const see = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  messageId: string,
): Promise<Seen> => {
  const seen = await engine.runs.read(engine, tenant, runId, (state, actor) =>
    seenIn(engine, state, actor, step, messageId),
  );
  if (seen !== undefined) return seen;
  // Of an earlier round, which only the log knows.
  const earlier = (await listMessages(engine, tenant, runId, step)).findLast((one) => one.messageId === messageId);
  if (earlier !== undefined) return { message: earlier, over: true };
  throw new DomainError('not_found', `step ${step} has no message ${messageId}`, { runId, step, messageId });
};

/** One message. Throws `not_found`. */
export const readMessage = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  messageId: string,
): Promise<MessageView> => (await see(engine, tenant, runId, step, messageId)).message;

const isDone = ({ message: { state }, over }: Seen, until: 'consumed' | 'reply'): boolean => {
  switch (state) {
    case 'accepted':
    case 'delivered':
    case 'presented':
      return over;
    case 'consumed':
      return over || until === 'consumed';
    case 'replied':
    case 'expired':
    case 'rejected':
    case 'dead_lettered':
      return true;
  }
};

/** The message once it was read (or answered) or ended, or as it is after `waitMs`. See `Coordinator.waitMessage`. */
export const waitMessage = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  messageId: string,
  until: 'consumed' | 'reply',
  waitMs: number,
  signal: AbortSignal,
): Promise<MessageView> => {
  const seen = await watchUntil(
    engine,
    runId,
    () => see(engine, tenant, runId, step, messageId),
    (each) => isDone(each, until),
    { waitMs, signal },
  );
  return seen.message;
};
