/** When a message is read: with the next turn; at once, the running model call being given up; after the next tool call; or when the agent would end. */
export type MessageMode = 'next_turn' | 'interrupt' | 'after_tool' | 'on_idle';

/** All modes; the first is the default. */
export const messageModes: readonly MessageMode[] = ['next_turn', 'interrupt', 'after_tool', 'on_idle'];

/** A message as it reaches the agent of a step. */
export interface AgentMessage {
  /** `msg_` + UUIDv7, or what the sender chose; unique in its mailbox. */
  readonly messageId: string;
  /** Place in the mailbox, from 1; messages are read in this order. */
  readonly number: number;
  readonly sender: string;
  readonly mode: MessageMode;
  /** At most 16 KiB of UTF-8. */
  readonly text: string;
  /** ms since the epoch; when it was accepted. */
  readonly at: number;
  /** Not read after this instant (ms): it expires. */
  readonly expiresAt?: number;
  /** The step does not end successfully without having read it. */
  readonly requireAck?: true;
  readonly wantsReply?: true;
}

/**
 * What became of a message. Durable are `accepted`, `consumed` (the turn that read it is in the log, D5), `replied`, `expired`,
 * `rejected` and `dead_lettered`; `delivered` (the worker has it) and `presented` (it was in a model request) live in memory.
 */
export type MessageState =
  | 'accepted'
  | 'delivered'
  | 'presented'
  | 'consumed'
  | 'replied'
  | 'expired'
  | 'rejected'
  | 'dead_lettered';

/** Why a message ended unread; closed. */
export type MessageEndReason = 'ttl_expired' | 'step_finished' | 'too_many_presentations';

/** A message in the mailbox of one step execution (run, step path, round). */
export interface MessageRecord extends AgentMessage {
  state: Exclude<MessageState, 'delivered' | 'presented'>;
  /** Turn that consumed it. */
  turn?: number;
  endedAt?: number;
  reason?: MessageEndReason;
  reply?: { readonly text: string; readonly at: number };
  /** How often an attempt that had read it was dropped with its transcript, so that it is read again. */
  presentations?: number;
  /** When these were dropped (ms), oldest first. */
  droppedAt?: readonly number[];
}

/** The mailbox of a step execution. */
export interface MailboxState {
  /** In order of `number`. */
  readonly messages: MessageRecord[];
  /** How many are `accepted`. */
  unread: number;
  /** Bytes of UTF-8 of all texts. */
  bytes: number;
}

/** Bounds of one mailbox. */
export const mailboxLimits = {
  /** Unread messages; one more is refused with `mailbox_full`. */
  maxUnread: 100,
  /** Messages in all, during the life of the step execution. */
  maxMessages: 1_000,
  /** Bytes of UTF-8 of one text. */
  maxTextBytes: 16 * 1024,
  /** Bytes of the texts of all messages. */
  maxBytes: 1024 * 1024,
} as const;

/** A message as the API shows it. Instants are ISO 8601. */
export interface MessageView {
  readonly messageId: string;
  readonly runId: string;
  readonly step: string;
  readonly number: number;
  readonly round: number;
  readonly sender: string;
  readonly mode: MessageMode;
  readonly text: string;
  readonly state: MessageState;
  readonly sentAt: string;
  readonly expiresAt?: string;
  readonly turn?: number;
  readonly endedAt?: string;
  readonly reason?: MessageEndReason;
  readonly requireAck?: true;
  readonly wantsReply?: true;
  readonly reply?: { readonly text: string; readonly at: string };
}
