import type { AgentMessage, MessageHints, MessageRecord, MessageState, RunFact, StepPath } from '@skein/domain';
import { findTarget, moveDelivery } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isLegal } from '../fleet/move-held-task.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import type { RunActor } from '../run/run-actor.ts';

/*
 * From the mailbox of a step to the worker that holds it.
 *  M1 only messages that are durable are sent, and in the order of their numbers
 *  M2 all that is unread follows an offer, and a reconnect: whatever was on the way is sent again, and the number tells
 *  M3 nobody waits for a worker: a stream that breaks loses nothing that the next one does not bring
 */

/** A message as it travels. */
const asSent = (record: MessageRecord): AgentMessage => {
  const { messageId, number, sender, mode, text, at, expiresAt, requireAck, wantsReply } = record;
  return {
    messageId,
    number,
    sender,
    mode,
    text,
    at,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(requireAck === undefined ? {} : { requireAck }),
    ...(wantsReply === undefined ? {} : { wantsReply }),
  };
};

/** The worker that holds a step now, if it is one that this coordinator knows. */
export const holderOf = (
  engine: Engine,
  actor: RunActor,
  path: StepPath,
): { readonly session: WorkerSession; readonly held: HeldTask } | undefined => {
  const lease = findTarget(actor.state, path)?.target.lease;
  const session = lease === undefined ? undefined : engine.fleet.ofWorker(lease.workerId);
  if (lease === undefined || session === undefined) return undefined;
  const held = session.tasks.get(taskKey({ runId: actor.runId, step: path, token: lease.token }));
  return held === undefined ? undefined : { session, held };
};

/** Sends what is unread in the mailbox of a held step; with `only`, one of them. The state must be durable (M1). */
export const sendUnread = (engine: Engine, actor: RunActor, path: StepPath, only?: number): void => {
  const { mailbox } = findTarget(actor.state, path)?.target ?? {};
  if (mailbox === undefined || mailbox.unread === 0) return;
  const holder = holderOf(engine, actor, path);
  if (holder?.session.link === undefined) return;
  for (const record of mailbox.messages) {
    if (record.state !== 'accepted' || (only !== undefined && record.number !== only)) continue;
    holder.session.send({ type: 'message', task: holder.held.ref, message: asSent(record) });
  }
};

/** Hands over what a turn made readable, now that it is durable; steps that were offered in the turn have got theirs. */
export const deliverMessages = (
  engine: Engine,
  actor: RunActor,
  facts: readonly RunFact[],
  offered: readonly { readonly task: { readonly step: StepPath } }[],
): void => {
  const wasOffered = (step: StepPath): boolean => offered.some(({ task }) => task.step === step);
  for (const fact of facts) {
    if (fact.type === 'message_accepted' && !wasOffered(fact.step)) {
      sendUnread(engine, actor, fact.step, fact.message.number);
    }
    // What earlier attempts had read is unread again.
    if (fact.type === 'agent_restarted') sendUnread(engine, actor, fact.step);
  }
  for (const path of actor.redeliver) if (!wasOffered(path)) sendUnread(engine, actor, path);
  actor.redeliver.clear();
};

/** A worker came back with a task: it gets what is unread, once the run's state is known to be durable. */
export const redeliver = (engine: Engine, actor: RunActor, path: StepPath): void => {
  const mailbox = findTarget(actor.state, path)?.target.mailbox;
  if (mailbox === undefined || mailbox.unread === 0) return;
  if (actor.inFlight === undefined) sendUnread(engine, actor, path);
  else actor.redeliver.add(path);
};

/** What the worker says of messages stays in memory: it tells people more, and decides nothing. */
export const noteMessages = (
  engine: Engine,
  session: WorkerSession,
  message: Extract<WorkerMessage, { readonly type: 'messages_received' | 'messages_presented' }>,
): void => {
  const held = engine.fleet.held(session, message.task);
  const actor = engine.runs.find(message.task.runId);
  if (held === undefined || actor === undefined) return;
  const records = findTarget(actor.state, held.ref.step)?.target.mailbox?.messages ?? [];
  const hints = held.hints ?? new Map<number, 'delivered' | 'presented'>();
  held.hints = hints;
  for (const number of message.numbers) {
    const record = records[number - 1];
    if (record?.number !== number) continue;
    const from: MessageState = record.state === 'accepted' ? (hints.get(number) ?? 'accepted') : record.state;
    const to = message.type === 'messages_presented' ? 'presented' : 'delivered';
    // Sent again after a reconnect, and received again: nothing new.
    if (to === from || (to === 'delivered' && from !== 'accepted')) continue;
    const { runId, step } = held.ref;
    const move = (): void => void hints.set(number, moveDelivery('message', from, to));
    isLegal(engine, 'message', move, { runId, stepId: step, number });
  }
  engine.watchers.notify(actor.runId);
};

/** What the holder of a step said of its messages, for views. */
export const messageHintsOf = (
  engine: Engine,
  actor: RunActor | undefined,
  path: StepPath,
): MessageHints | undefined => {
  const hints = actor === undefined ? undefined : holderOf(engine, actor, path)?.held.hints;
  if (hints === undefined) return undefined;
  const presented = new Set<number>();
  for (const [number, state] of hints) if (state === 'presented') presented.add(number);
  return { received: new Set(hints.keys()), presented };
};
