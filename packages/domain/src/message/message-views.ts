import type { RunId, StepPath } from '../identity/ids.ts';
import { parseStepPath } from '../identity/ids.ts';
import { beginsAnew } from '../run/begins-anew.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { MailboxState, MessageRecord, MessageState, MessageView } from './agent-message.ts';
import { acceptMessage, consumeMessages, createMailbox, endMessage, presentAgain, replyToMessage } from './mailbox.ts';

/** What workers said of messages of the current round, by number; memory of the coordinator, never durable. */
export interface MessageHints {
  readonly received: ReadonlySet<number>;
  readonly presented: ReadonlySet<number>;
}

const iso = (at: number): string => new Date(at).toISOString();

/** A message as people and programs see it; what is durable goes before what a worker said. */
export const viewMessage = (
  runId: RunId,
  step: StepPath,
  round: number,
  record: MessageRecord,
  hints?: MessageHints,
): MessageView => {
  const { messageId, number, sender, mode, text, at, expiresAt, turn, endedAt, reason, reply } = record;
  let state: MessageState = record.state;
  if (state === 'accepted' && hints?.received.has(number) === true) state = 'delivered';
  if (record.state === 'accepted' && hints?.presented.has(number) === true) state = 'presented';
  return {
    messageId,
    runId,
    step,
    number,
    round,
    sender,
    mode,
    text,
    state,
    sentAt: iso(at),
    ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
    ...(turn === undefined ? {} : { turn }),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(reason === undefined ? {} : { reason }),
    ...(record.requireAck === undefined ? {} : { requireAck: record.requireAck }),
    ...(record.wantsReply === undefined ? {} : { wantsReply: record.wantsReply }),
    ...(reply === undefined ? {} : { reply: { text: reply.text, at: iso(reply.at) } }),
  };
};

const apply = (mailbox: MailboxState, fact: RunFact): void => {
  switch (fact.type) {
    case 'message_accepted':
      return acceptMessage(mailbox, fact.message, fact.at);
    case 'message_ended':
      return endMessage(mailbox, fact.number, fact.state, fact.reason, fact.at);
    case 'turn_planned':
      return consumeMessages(mailbox, fact.entry.consumed ?? [], fact.entry.turn);
    case 'message_replied':
      return replyToMessage(mailbox, fact.entry.number, fact.entry.text, fact.at);
    case 'agent_restarted':
      return presentAgain(mailbox, fact.at);
    case 'step_finished':
      return beginsAnew(fact) ? presentAgain(mailbox, fact.at) : undefined;
    case 'step_answered':
      return fact.message === undefined ? undefined : consumeMessages(mailbox, [fact.message], undefined);
    default:
      return undefined;
  }
};

/**
 * All messages of a step, item or handler, of all rounds, in order of acceptance. `facts` is the run's log. Two with one id are there when
 * the first was given up and sent again: the last one counts.
 */
export const messageViewsOf = (
  runId: RunId,
  step: StepPath,
  facts: readonly RunFact[],
  hints?: MessageHints,
): readonly MessageView[] => {
  const base = parseStepPath(step)?.stepId ?? step;
  const rounds: MailboxState[] = [createMailbox()];
  for (const fact of facts) {
    if (fact.type === 'step_pushed_back') {
      if (fact.steps.includes(base)) rounds.push(createMailbox());
    } else if ('step' in fact && fact.step === step) apply(rounds.at(-1) as MailboxState, fact);
  }
  return rounds.flatMap(({ messages }, round) =>
    messages.map((record) => viewMessage(runId, step, round, record, round === rounds.length - 1 ? hints : undefined)),
  );
};
