import type { JsonValue } from '@skein/domain';
import type { ModelMessage, ToolCall } from '@skein/ports';

/** What is said to the model and is no result of a tool. */
export type UserMessage = Extract<ModelMessage, { role: 'user' }>;

/** A message that was read and asks for an answer. */
export interface AskedReply {
  readonly number: number;
  readonly messageId: string;
}

/** A turn's part of the transcript, as a checkpoint keeps it. */
export interface TurnDelta {
  /** Since the results of the turn before. */
  readonly said: readonly UserMessage[];
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** Of the messages in `said`; absent when none asks. */
  readonly asked?: readonly AskedReply[];
}

/** The delta of a document. Undefined when it is none. */
export const parseTurnDelta = (value: JsonValue): TurnDelta | undefined => {
  const fields = fieldsOf(value);
  const { said, text, toolCalls, asked = [] } = fields ?? {};
  if (!Array.isArray(said) || typeof text !== 'string' || !Array.isArray(toolCalls) || !Array.isArray(asked)) {
    return undefined;
  }
  const saids = said.map(parseSaid);
  const calls = toolCalls.map(parseCall);
  const asking = asked.map(parseAsked);
  if (!isComplete(saids) || !isComplete(calls) || !isComplete(asking)) return undefined;
  return { said: saids, text, toolCalls: calls, asked: asking };
};

const isComplete = <T>(list: readonly (T | undefined)[]): list is readonly T[] => !list.includes(undefined);

const fieldsOf = (value: JsonValue | undefined): { readonly [name: string]: JsonValue | undefined } | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;

const parseSaid = (value: JsonValue): UserMessage | undefined => {
  const { role, text } = fieldsOf(value) ?? {};
  return role === 'user' && typeof text === 'string' ? { role, text } : undefined;
};

const parseCall = (value: JsonValue): ToolCall | undefined => {
  const { callId, tool, input } = fieldsOf(value) ?? {};
  if (typeof callId !== 'string' || typeof tool !== 'string' || input === undefined) return undefined;
  return { callId, tool, input };
};

const parseAsked = (value: JsonValue): AskedReply | undefined => {
  const { number, messageId } = fieldsOf(value) ?? {};
  return typeof number === 'number' && typeof messageId === 'string' ? { number, messageId } : undefined;
};
