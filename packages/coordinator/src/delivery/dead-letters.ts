import type { DeadLetter, DeliveryEvent, RunId, RunView, TenantId } from '@skein/domain';
import { DomainError, findTarget, isSettledStep, isTerminalRun } from '@skein/domain';
import type { DeadLetterFilter, DeadLetterSettlement, DeliveryEventPage, Page } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { retryRun } from '../submit/retry-run.ts';
import { sendMessage } from './send-message.ts';

/** Largest page of delivery events. */
const maxEvents = 1_000;

/** Longest name of who settles a dead letter. */
const maxByCharacters = 256;

const notFound = (id: string): DomainError =>
  new DomainError('not_found', `there is no dead letter ${id}`, { deadLetter: id });

const settledAlready = ({ id, status }: DeadLetter): DomainError =>
  new DomainError('illegal_transition', `the dead letter is ${status} already`, { deadLetter: id, status });

const checkBy = (by: string): void => {
  if (by.length > maxByCharacters)
    throw new DomainError('too_large', 'the name is too long', { limit: maxByCharacters, actual: by.length });
};

/** Dead letters, newest first. */
export const listDeadLetters = (engine: Engine, filter: DeadLetterFilter): Promise<Page<DeadLetter>> =>
  engine.deps.delivery.listDeadLetters(filter);

/** One dead letter. Throws `not_found`. */
export const readDeadLetter = async (engine: Engine, tenant: TenantId, id: string): Promise<DeadLetter> => {
  const letter = await engine.deps.delivery.readDeadLetter(tenant, id);
  if (letter === undefined) throw notFound(id);
  return letter;
};

const openLetter = async (engine: Engine, tenant: TenantId, id: string): Promise<DeadLetter> => {
  const letter = await readDeadLetter(engine, tenant, id);
  if (letter.status !== 'open') throw settledAlready(letter);
  return letter;
};

/** One settlement, one event, in one commit. Throws `illegal_transition` when somebody was faster. */
const settle = async (
  engine: Engine,
  letter: DeadLetter,
  settlement: Omit<DeadLetterSettlement, 'at'>,
): Promise<DeadLetter> => {
  const at = engine.deps.clock.now();
  const event: DeliveryEvent = {
    tenant: letter.tenant,
    kind: settlement.status,
    at,
    itemId: letter.id,
    runId: settlement.redrivenRunId ?? letter.runId,
    step: letter.step,
    reason: letter.reason,
    ageMs: Math.max(0, at - letter.at),
  };
  const done = await engine.deps.delivery.settleDeadLetter(letter.tenant, letter.id, { ...settlement, at }, event);
  const now = await readDeadLetter(engine, letter.tenant, letter.id);
  if (!done) throw settledAlready(now);
  engine.deps.meter.count(metric.deadLetters, 1, {
    outcome: settlement.status,
    kind: letter.kind,
    reason: letter.reason,
  });
  return now;
};

/** The run that a task's dead letter belongs to: over, so that it can be retried. Throws `illegal_transition`. */
const checkRetry = async (engine: Engine, letter: DeadLetter): Promise<void> => {
  await engine.runs.read(engine, letter.tenant, letter.runId, ({ status, runId, source }) => {
    const details = { deadLetter: letter.id, runId, status };
    if (source.kind === 'call') {
      const { rootRunId } = source;
      const message = `the run was called by another one: retry the root run ${rootRunId}`;
      throw new DomainError('illegal_transition', message, { ...details, rootRunId });
    }
    if (!isTerminalRun(status))
      throw new DomainError('illegal_transition', 'the run goes on: a task is redriven when its run is over', details);
    if (status === 'succeeded')
      throw new DomainError('illegal_transition', 'the run succeeded without the task', details);
  });
};

/** The run that takes a dead letter's place; the same one however often this is asked. */
const retry = (engine: Engine, letter: DeadLetter, by: string): Promise<RunView> =>
  retryRun(engine, letter.tenant, letter.runId, {
    by,
    idempotencyKey: `redrive:${engine.deps.hasher.digest(letter.id)}`,
  });

const resend = async (engine: Engine, letter: DeadLetter, runId: RunId, by: string): Promise<void> => {
  const { messageId, body } = letter;
  if (messageId === undefined || body === undefined)
    throw new DomainError('illegal_transition', 'the dead letter has no message', { deadLetter: letter.id });
  const { message } = await sendMessage(
    engine,
    letter.tenant,
    runId,
    letter.step,
    { messageId, text: body, requireAck: true },
    by,
  );
  if (message.state === 'expired' || message.state === 'rejected' || message.state === 'dead_lettered')
    throw new DomainError('illegal_transition', `the message is ${message.state} in this run: name another run`, {
      deadLetter: letter.id,
      runId,
      state: message.state,
    });
};

/**
 * Gives what was given up another chance. A process that dies in between leaves the dead letter open, and the next redrive finds what
 * this one began: the run by its key, the message by its id. See `Coordinator.redriveDeadLetter`.
 */
export const redriveDeadLetter = async (
  engine: Engine,
  tenant: TenantId,
  id: string,
  options: { readonly by: string; readonly dryRun: boolean; readonly runId?: RunId },
): Promise<{ readonly deadLetter: DeadLetter; readonly runId: RunId; readonly dryRun: boolean }> => {
  const { by, dryRun } = options;
  checkBy(by);
  engine.store.requireOpen();
  const letter = await openLetter(engine, tenant, id);
  if (letter.kind === 'task') {
    if (options.runId !== undefined && options.runId !== letter.runId)
      throw new DomainError('invalid_argument', 'a task is redriven by a retry of its own run; runId is for messages');
    await checkRetry(engine, letter);
    if (dryRun) return { deadLetter: letter, runId: letter.runId, dryRun };
    const { runId } = await retry(engine, letter, by);
    const deadLetter = await settle(engine, letter, { status: 'redriven', by, redrivenRunId: runId });
    return { deadLetter, runId, dryRun };
  }
  const runId = options.runId ?? letter.runId;
  if (dryRun) {
    await engine.runs.read(engine, tenant, runId, (state) => {
      const { status } = state;
      if (isTerminalRun(status))
        throw new DomainError('illegal_transition', 'the run is finished: name a run that is not', { runId, status });
      const target = findTarget(state, letter.step)?.target;
      if (target === undefined)
        throw new DomainError('not_found', `the run has no step ${letter.step}`, { runId, step: letter.step });
      if (isSettledStep(target.status))
        throw new DomainError('illegal_transition', 'the step is finished: name a run in which it is not', { runId });
    });
    return { deadLetter: letter, runId, dryRun };
  }
  await resend(engine, letter, runId, by);
  return { deadLetter: await settle(engine, letter, { status: 'redriven', by, redrivenRunId: runId }), runId, dryRun };
};

/** Gives a dead letter up for good. See `Coordinator.purgeDeadLetter`. */
export const purgeDeadLetter = async (
  engine: Engine,
  tenant: TenantId,
  id: string,
  by: string,
): Promise<DeadLetter> => {
  checkBy(by);
  return settle(engine, await openLetter(engine, tenant, id), { status: 'purged', by });
};

/** What left the normal way, after a cursor. Throws `invalid_argument`. */
export const readDeliveryEvents = (
  engine: Engine,
  tenant: TenantId,
  afterSeq: number,
  limit: number,
): Promise<DeliveryEventPage> => {
  if (!Number.isSafeInteger(afterSeq) || afterSeq < 0)
    return Promise.reject(new DomainError('invalid_argument', 'the cursor is not one of this list'));
  const wanted = Number.isSafeInteger(limit) ? limit : maxEvents;
  return engine.deps.delivery.readEvents(tenant, afterSeq, Math.max(1, Math.min(wanted, maxEvents)));
};
