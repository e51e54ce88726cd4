import { isHandlerId } from '../dag/dag.ts';
import type { Step } from '../dag/step.ts';
import { DomainError } from '../errors/domain-error.ts';
import type { StepPath } from '../identity/ids.ts';
import type { AgentMessage, MailboxState, MessageRecord } from '../message/agent-message.ts';
import { mailboxLimits } from '../message/agent-message.ts';
import { acceptMessage, createMailbox, endMessage, maxPresentations, unreadMessages } from '../message/mailbox.ts';
import { err, ok } from '../result/result.ts';
import { cleanText } from '../text/clean-text.ts';
import { utf8Length } from '../text/utf8.ts';
import { findTarget } from './create-run-state.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, nothing } from './decision.ts';
import { encodeFact } from './fact-text.ts';
import { closingHandlers, initId, isStopping } from './handler-phase.ts';
import type { Target } from './hold-target.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isSettledStep, isTerminalRun } from './run-status.ts';

type MessageFact = Extract<RunFact, { readonly type: 'message_accepted' | 'message_ended' }>;
type Ended = Extract<RunFact, { readonly type: 'message_ended' }>;

/*
 * M1 A message that was accepted is read by a durable turn, or ends by one `message_ended`, in the turn in which its step settles at the latest.
 * M2 `state.unread` holds exactly the paths whose mailbox has unread messages, so that a plan looks at no other mailbox.
 */

const readsMessages = ({ action }: Step): boolean =>
  action.kind === 'agent' || (action.kind === 'wait' && action.message === true);

/** Why the step takes no messages now, or ever again; undefined when it does. */
const closedBecause = (state: RunState, { step, target }: Target, definition: Step): string | undefined => {
  const { path } = target;
  if (!readsMessages(definition)) return `step ${path} takes no messages: it is no agent, nor waits for one`;
  if (isTerminalRun(state.status)) return `the run is ${state.status}`;
  if (isSettledStep(target.status)) return `step ${path} is ${target.status}`;
  const follows = isHandlerId(step.path) && step.path !== initId;
  if (follows && state.closing !== undefined && !closingHandlers(state, state.closing.status).includes(step.path))
    return `handler ${path} does not follow a run that ends ${state.closing.status}`;
  // A request to stop the graph does not stop the handlers that follow (H3).
  if (isStopping(state) && !(follows && state.closing === undefined)) return 'the run is being stopped';
  return undefined;
};

/** The message that went by this id last. */
const sentBefore = (mailbox: MailboxState | undefined, messageId: string): MessageRecord | undefined =>
  mailbox?.messages.findLast((message) => message.messageId === messageId);

/** The bound that one more message of so many bytes would pass. */
const fullBecause = (mailbox: MailboxState | undefined, bytes: number): string | undefined => {
  if (mailbox === undefined) return undefined;
  const { maxUnread, maxMessages, maxBytes } = mailboxLimits;
  if (mailbox.unread >= maxUnread) return `${maxUnread} messages are unread`;
  if (mailbox.messages.length >= maxMessages) return `it had ${maxMessages} messages`;
  return mailbox.bytes + bytes > maxBytes ? `its messages have ${maxBytes} bytes` : undefined;
};

const mailboxFull = (path: StepPath, mailbox: MailboxState | undefined, why: string, now: number): Decision => {
  const oldest = mailbox === undefined ? undefined : unreadMessages(mailbox)[0];
  return err(
    new DomainError('mailbox_full', `the mailbox of step ${path} is full: ${why}`, {
      depth: mailbox?.unread ?? 0,
      oldestAgeMs: oldest === undefined ? 0 : Math.max(0, now - oldest.at),
    }),
  );
};

const acceptedFact = (
  step: StepPath,
  message: Omit<AgentMessage, 'at' | 'expiresAt'>,
  ttlMs: number | undefined,
  now: number,
): MessageFact => {
  const { messageId, number, sender, mode, text, requireAck, wantsReply } = message;
  return {
    type: 'message_accepted',
    v: 1,
    at: now,
    step,
    message: {
      messageId,
      number,
      sender,
      mode,
      text,
      ...(ttlMs === undefined ? {} : { expiresAt: now + ttlMs }),
      ...(requireAck === undefined ? {} : { requireAck }),
      ...(wantsReply === undefined ? {} : { wantsReply }),
    },
  };
};

/**
 * Takes a message into the mailbox of a step execution, or says why not. The same id and text again change nothing, whatever became of
 * the message; but one that was given up as a dead letter is taken once more, under another number.
 */
export const decideSendMessage = (state: RunState, command: CommandOf<'send_message'>, now: number): Decision => {
  const { step: path, ttlMs } = command;
  const found = findTarget(state, path);
  const definition = state.graph.byId.get(found?.step.path ?? '');
  if (found === undefined || definition === undefined)
    return err(new DomainError('not_found', `there is no step ${path}`, { step: path }));
  if (state.seq === 0) return illegal(state, 'the run was not submitted');
  if (found.index === undefined && definition.foreach !== undefined) {
    const message = `step ${path} is a fan-out: name an item, such as ${path}[0]`;
    return err(new DomainError('invalid_argument', message, { problems: [{ field: 'step', message }] }));
  }
  const { mailbox } = found.target;
  const text = cleanText(command.message.text);
  const { messageId } = command.message;
  const before = sentBefore(mailbox, messageId);
  if (before !== undefined && before.text !== text)
    return err(
      new DomainError('already_exists', `message ${messageId} was sent with another text`, { step: path, messageId }),
    );
  if (before !== undefined && before.state !== 'dead_lettered') return nothing;
  const closed = closedBecause(state, found, definition);
  if (closed !== undefined) return illegal(state, closed);
  const bytes = utf8Length(text);
  const limit = mailboxLimits.maxTextBytes;
  if (bytes > limit)
    return err(new DomainError('too_large', `the text is over ${limit} bytes`, { limit, actual: bytes }));
  if (ttlMs !== undefined && !(ttlMs > 0)) {
    const message = 'the time to live must be more than 0 ms';
    return err(new DomainError('invalid_argument', message, { problems: [{ field: 'ttlMs', message }] }));
  }
  const full = fullBecause(mailbox, bytes);
  if (full !== undefined) return mailboxFull(path, mailbox, full, now);
  const number = (mailbox?.messages.length ?? 0) + 1;
  const fact = acceptedFact(path, { ...command.message, text, number }, ttlMs, now);
  try {
    encodeFact(fact);
  } catch (thrown) {
    // Control characters take six bytes each in a fact.
    if (thrown instanceof DomainError) return err(thrown);
    throw thrown;
  }
  return ok([fact]);
};

/** Keeps `state.unread` true after a change of this target's mailbox (M2). */
export const noteUnread = (state: RunState, { path, mailbox }: StepState): void => {
  if ((mailbox?.unread ?? 0) > 0) state.unread.add(path);
  else state.unread.delete(path);
};

/** Applies an accepted message, or the end of one that was not read. */
export const evolveMessage = (state: RunState, fact: MessageFact): void => {
  const target = findTarget(state, fact.step)?.target;
  if (target === undefined) return;
  if (fact.type === 'message_accepted') {
    target.mailbox ??= createMailbox();
    acceptMessage(target.mailbox, fact.message, fact.at);
  } else if (target.mailbox !== undefined) {
    endMessage(target.mailbox, fact.number, fact.state, fact.reason, fact.at);
  }
  noteUnread(state, target);
};

/** How a message ends that is unread when its step does (D4). */
const endWithStep = (message: MessageRecord): Pick<Ended, 'state' | 'reason'> => ({
  state: message.requireAck === true ? 'dead_lettered' : 'rejected',
  reason: 'step_finished',
});

const endOf = (message: MessageRecord, isOver: boolean, now: number): Pick<Ended, 'state' | 'reason'> | undefined => {
  if (message.expiresAt !== undefined && message.expiresAt <= now) return { state: 'expired', reason: 'ttl_expired' };
  if ((message.presentations ?? 0) > maxPresentations)
    return { state: 'dead_lettered', reason: 'too_many_presentations' };
  return isOver ? endWithStep(message) : undefined;
};

/** See `planMessages`; with `runEnds` no step reads anything any more, settled or not. */
const planUnread = (
  state: RunState,
  now: number,
  runEnds: boolean,
): { readonly facts: readonly Ended[]; readonly dueAt?: number } => {
  const facts: Ended[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  for (const path of state.unread) {
    const target = findTarget(state, path)?.target;
    if (target?.mailbox === undefined) continue;
    const isOver = runEnds || isSettledStep(target.status);
    for (const message of unreadMessages(target.mailbox)) {
      const end = endOf(message, isOver, now);
      if (end !== undefined) {
        facts.push({ type: 'message_ended', v: 1, at: now, step: path, number: message.number, ...end });
      } else dueAt = Math.min(dueAt, message.expiresAt ?? dueAt);
    }
  }
  return Number.isFinite(dueAt) ? { facts, dueAt } : { facts };
};

/** Messages that ended unread: expired, or their step is settled. Facts to append, and the next instant (ms) at which one expires. */
export const planMessages = (
  state: RunState,
  now: number,
): { readonly facts: readonly RunFact[]; readonly dueAt?: number } => planUnread(state, now, false);

/** The end of every unread message of a run that ends now, those to handlers included that never ran. */
export const closeMailboxes = (state: RunState, now: number): readonly RunFact[] => planUnread(state, now, true).facts;

/** True when the step may not end successfully yet: a message that asks to be read is unread. */
export const hasToBeRead = ({ mailbox }: StepState, now: number): boolean =>
  mailbox !== undefined &&
  unreadMessages(mailbox).some(
    ({ requireAck, expiresAt }) => requireAck === true && (expiresAt === undefined || expiresAt > now),
  );
