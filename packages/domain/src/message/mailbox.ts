import { moveDelivery } from '../delivery/delivery-transitions.ts';
import { utf8Length } from '../text/utf8.ts';
import type { AgentMessage, MailboxState, MessageEndReason, MessageRecord } from './agent-message.ts';

/** Dropped transcripts that may have read a message; with one more it is given up as a dead letter. */
export const maxPresentations = 5;

/** A mailbox to which nobody wrote. */
export const createMailbox = (): MailboxState => ({ messages: [], unread: 0, bytes: 0 });

/** The message of a number; undefined when there is none. */
export const messageAt = (mailbox: MailboxState | undefined, number: number): MessageRecord | undefined =>
  mailbox?.messages[number - 1];

/** Messages that were not read, in order. Costs as much as there are, when those that were read are older. */
export const unreadMessages = (mailbox: MailboxState): readonly MessageRecord[] => {
  const unread: MessageRecord[] = [];
  for (let place = mailbox.messages.length - 1; place >= 0 && unread.length < mailbox.unread; place -= 1) {
    const record = mailbox.messages[place];
    if (record?.state === 'accepted') unread.push(record);
  }
  return unread.reverse();
};

/** Puts a message, whose number is the next, into the mailbox. */
export const acceptMessage = (mailbox: MailboxState, message: Omit<AgentMessage, 'at'>, at: number): void => {
  mailbox.messages.push({ ...message, at, state: 'accepted' });
  mailbox.unread += 1;
  mailbox.bytes += utf8Length(message.text);
};

/**
 * The turn that read these is durable (D5); without one, a step that waited for it. One that was answered before its transcript was
 * dropped keeps its answer.
 */
export const consumeMessages = (mailbox: MailboxState, numbers: readonly number[], turn: number | undefined): void => {
  for (const number of numbers) {
    const record = messageAt(mailbox, number);
    if (record === undefined) continue;
    record.state = moveDelivery('message', record.state, 'consumed');
    if (turn !== undefined) record.turn = turn;
    mailbox.unread -= 1;
    if (record.reply !== undefined) record.state = moveDelivery('message', record.state, 'replied');
  }
};

/** Notes the agent's answer; the last one counts. It is kept also when the message ended while the turn that read it was under way. */
export const replyToMessage = (mailbox: MailboxState, number: number, text: string, at: number): void => {
  const record = messageAt(mailbox, number);
  if (record === undefined) return;
  if (record.state === 'consumed') record.state = moveDelivery('message', record.state, 'replied');
  record.reply = { text, at };
};

/** Ends a message that was not read. */
export const endMessage = (
  mailbox: MailboxState,
  number: number,
  state: 'expired' | 'rejected' | 'dead_lettered',
  reason: MessageEndReason,
  at: number,
): void => {
  const record = messageAt(mailbox, number);
  if (record === undefined) return;
  record.state = moveDelivery('message', record.state, state);
  record.endedAt = at;
  record.reason = reason;
  mailbox.unread -= 1;
};

/** The transcript was dropped: what it had read is to be read again. */
export const presentAgain = (mailbox: MailboxState, at: number): void => {
  for (const record of mailbox.messages) {
    if (record.state !== 'consumed' && record.state !== 'replied') continue;
    record.state = moveDelivery('message', record.state, 'accepted');
    record.presentations = (record.presentations ?? 0) + 1;
    record.droppedAt = [...(record.droppedAt ?? []), at];
    delete record.turn;
    mailbox.unread += 1;
  }
};
