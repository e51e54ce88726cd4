// The messages of a step, as its own agent reads them. Sub-agents get none.
// I1 A message is in one committed turn: what was read, in this attempt or in one before it, is not read again.
import { type AgentMessage, DomainError, type JsonObject, type JsonValue, utf8Length } from '@skein/domain';
import type { Mailbox, ToolDefinition } from '@skein/ports';
import { quoteMessage } from '../context/quote-message.ts';
import type { History } from '../resume/history.ts';
import { textField } from '../tools/input-fields.ts';
import type { AskedReply, UserMessage } from './turn-delta.ts';

/** An agent's view of its mailbox. */
export interface Inbox {
  /** What goes into the request of a turn now. */
  read(isAfterTools: boolean): readonly UserMessage[];
  /**
   * What has to be read before the agent may end; empty when it may. A step that had ended already reads whatever came since,
   * unless `isEnding` is false.
   */
  readBeforeEnd(hadEnded: boolean): readonly UserMessage[];
  /** Whether one of them must be read, whatever the limits say. */
  mustRead(): boolean;
  /** Tells the senders that what was read and is in no turn yet is in a request. */
  presented(turn: number): void;
  /** What a turn that the model has answered consumes. */
  consume(): { readonly consumed: readonly number[]; readonly asked: readonly AskedReply[] };
  /** Called when a message arrives that does not wait for the model. Returns what ends it. */
  onInterrupt(listener: (messageId: string) => void): () => void;
  /** The `reply` tool, while a message waits for an answer. */
  tool(): ToolDefinition | undefined;
  /** One call of `reply`. Throws `not_found`, `too_large`. */
  answer(input: JsonValue): { readonly number: number; readonly text: string; readonly output: JsonObject };
}

const maxReplyBytes = 16 * 1024;
/** Of its JSON, in which a control character takes six: it stays in its entry. */
const maxReplyJsonBytes = 48 * 1024;

/** The inbox of an attempt that goes on from a history. */
export const createInbox = (mailbox: Mailbox, history: History, mayReply: boolean): Inbox => {
  const read = new Set(history.consumed);
  let waiting: AgentMessage[] = [];
  let asked: readonly AskedReply[] = history.asked;
  const unread = () => mailbox.unread().filter(({ number }) => !read.has(number)); // I1
  const take = (messages: readonly AgentMessage[]): readonly UserMessage[] => {
    if (messages.length === 0) return [];
    for (const { number } of messages) read.add(number);
    mailbox.take(messages.map(({ number }) => number));
    waiting = [...waiting, ...messages];
    if (mayReply) asked = [...asked, ...askedBy(messages)];
    return messages.map((message) => ({ role: 'user', text: quoteMessage(message) }));
  };
  mailbox.take([...history.consumed]);
  return {
    read: (isAfterTools) => take(unread().filter(({ mode }) => isDue(mode, isAfterTools))),
    readBeforeEnd: (hadEnded) => {
      const left = unread();
      return hadEnded || left.some(holdsEnd) ? take(left) : [];
    },
    mustRead: () => unread().some(({ requireAck }) => requireAck === true),
    presented: (turn) => {
      if (waiting.length > 0)
        mailbox.presented(
          waiting.map(({ number }) => number),
          turn,
        );
    },
    consume: () => {
      const done = waiting;
      waiting = [];
      return { consumed: done.map(({ number }) => number), asked: mayReply ? askedBy(done) : [] };
    },
    onInterrupt: (listener) =>
      mailbox.onMessage(({ mode, number, messageId }) => {
        if (mode === 'interrupt' && !read.has(number)) listener(messageId);
      }),
    tool: () => (asked.length === 0 ? undefined : replyTool(asked)),
    answer: (input) => {
      const messageId = textField(input, 'message_id');
      const text = textField(input, 'text');
      const message = asked.find((each) => each.messageId === messageId);
      if (message === undefined) {
        throw new DomainError('not_found', `no message ${JSON.stringify(messageId)} waits for an answer`);
      }
      const actual = utf8Length(text);
      if (actual > maxReplyBytes || utf8Length(JSON.stringify(text)) > maxReplyJsonBytes) {
        const details = { limit: maxReplyBytes, actual };
        throw new DomainError(
          'too_large',
          `the answer has ${actual} bytes, and at most ${maxReplyBytes} are taken`,
          details,
        );
      }
      asked = asked.filter((each) => each !== message);
      return { number: message.number, text, output: { replied: messageId } };
    },
  };
};

const askedBy = (messages: readonly AgentMessage[]): readonly AskedReply[] =>
  messages.flatMap(({ wantsReply, number, messageId }) => (wantsReply === true ? [{ number, messageId }] : []));

const isDue = (mode: AgentMessage['mode'], isAfterTools: boolean): boolean =>
  mode === 'next_turn' || mode === 'interrupt' || (mode === 'after_tool' && isAfterTools);

/** One that is read after a tool call, and none comes, is read before the end. */
const holdsEnd = ({ mode, requireAck }: AgentMessage): boolean =>
  requireAck === true || mode === 'on_idle' || mode === 'after_tool';

const replyTool = (asked: readonly AskedReply[]): ToolDefinition => ({
  name: 'reply',
  description: 'Answers a message that was sent to you and asks for an answer. Its sender gets the text.',
  inputSchema: {
    type: 'object',
    properties: {
      message_id: { type: 'string', enum: asked.map(({ messageId }) => messageId), description: 'Which message.' },
      text: { type: 'string', description: 'Your answer.' },
    },
    required: ['message_id', 'text'],
    additionalProperties: false,
  },
});
