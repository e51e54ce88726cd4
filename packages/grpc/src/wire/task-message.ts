import type { AgentMessage, MessageMode } from '@skein/domain';
import { mailboxLimits, messageModes, utf8Length } from '@skein/domain';
import type { CoordinatorMessage } from '@skein/ports';
import type { TaskMessage__Output, TaskMessage as WireTaskMessage } from '../generated/skein/worker/v1/TaskMessage.ts';
import { bad, integerField, nameField, oneOfField, textField } from './fields.ts';
import { decodeTaskRef, encodeTaskRef } from './shared-values.ts';

type TaskMessage = Extract<CoordinatorMessage, { type: 'message' }>;

const modes: ReadonlySet<MessageMode> = new Set(messageModes);

/** The wire form of a message to the agent of a task. */
export const encodeTaskMessage = ({ task, message }: TaskMessage): WireTaskMessage => {
  const { messageId, number, sender, mode, text, at, expiresAt, requireAck, wantsReply } = message;
  return {
    task: encodeTaskRef(task),
    messageId,
    number,
    sender,
    mode,
    text,
    at: Math.round(at),
    requireAck: requireAck === true,
    wantsReply: wantsReply === true,
    ...(expiresAt === undefined ? {} : { expiresAt: Math.round(expiresAt) }),
  };
};

/** A message to the agent of a task as a peer sent it. */
export const decodeTaskMessage = (wire: TaskMessage__Output): TaskMessage => {
  const text = textField(wire.text, 'task_message.text');
  if (utf8Length(text) > mailboxLimits.maxTextBytes) throw bad('task_message.text', 'a text of at most 16 KiB');
  const message: AgentMessage = {
    messageId: nameField(wire.messageId, 'task_message.message_id'),
    number: integerField(wire.number, 'task_message.number', 1),
    sender: nameField(wire.sender, 'task_message.sender'),
    mode: oneOfField(wire.mode, 'task_message.mode', modes),
    text,
    at: integerField(wire.at, 'task_message.at'),
    ...(wire.expiresAt === undefined ? {} : { expiresAt: integerField(wire.expiresAt, 'task_message.expires_at') }),
    ...(wire.requireAck === true ? { requireAck: true } : {}),
    ...(wire.wantsReply === true ? { wantsReply: true } : {}),
  };
  return { type: 'message', task: decodeTaskRef(wire.task, 'task_message.task'), message };
};
