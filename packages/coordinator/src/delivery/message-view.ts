import type { MessageHints, MessageRecord, MessageState, MessageView, RunId, StepPath, StepState } from '@skein/domain';

const iso = (at: number): string => new Date(at).toISOString();

const shownState = ({ state, number }: MessageRecord, hints: MessageHints | undefined): MessageState => {
  if (state !== 'accepted' || hints === undefined) return state;
  if (hints.presented.has(number)) return 'presented';
  return hints.received.has(number) ? 'delivered' : 'accepted';
};

/** A message of the present round as the API shows it; its cost does not grow with the log. */
export const viewOfMessage = (
  runId: RunId,
  step: StepPath,
  { round = 0 }: Pick<StepState, 'round'>,
  record: MessageRecord,
  hints?: MessageHints,
): MessageView => {
  const { messageId, number, sender, mode, text, at, expiresAt, turn, endedAt, reason, requireAck, wantsReply, reply } =
    record;
  return {
    messageId,
    runId,
    step,
    number,
    round,
    sender,
    mode,
    text,
    state: shownState(record, hints),
    sentAt: iso(at),
    ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
    ...(turn === undefined ? {} : { turn }),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(reason === undefined ? {} : { reason }),
    ...(requireAck === undefined ? {} : { requireAck }),
    ...(wantsReply === undefined ? {} : { wantsReply }),
    ...(reply === undefined ? {} : { reply: { text: reply.text, at: iso(reply.at) } }),
  };
};
