import type { JsonValue } from '@skein/domain';
import type { ModelMessage as PortMessage } from '@skein/ports';
import type { JSONValue, ModelMessage, ToolResultPart } from 'ai';

/** Our transcript in the SDK's form. Every tool call keeps its id, so that results find their calls. */
export const toSdkMessages = (messages: readonly PortMessage[]): ModelMessage[] => messages.map(toSdkMessage);

const toSdkMessage = (message: PortMessage): ModelMessage => {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: message.text };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(message) };
    case 'tool':
      return {
        role: 'tool',
        content: message.results.map(({ callId, tool, output, isError }) => ({
          type: 'tool-result' as const,
          toolCallId: callId,
          toolName: tool,
          output: toolOutput(output, isError),
        })),
      };
  }
};

type AssistantParts = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>;

const assistantParts = (message: Extract<PortMessage, { role: 'assistant' }>): AssistantParts => {
  const calls = message.toolCalls.map(({ callId, tool, input }) => ({
    type: 'tool-call' as const,
    toolCallId: callId,
    toolName: tool,
    input: asObject(input),
  }));
  if (message.text !== '') return [{ type: 'text' as const, text: message.text }, ...calls];
  // Providers refuse an assistant message without content.
  return calls.length > 0 ? calls : [{ type: 'text' as const, text: '(no answer)' }];
};

/** Anthropic takes only objects as tool input; a model's malformed input is shown to it as the text that it was. */
const asObject = (input: JsonValue): JsonValue =>
  typeof input === 'object' && input !== null && !Array.isArray(input) ? input : { malformed_input: input };

const toolOutput = (output: JsonValue, isError: boolean): ToolResultPart['output'] => {
  if (typeof output === 'string') return { type: isError ? 'error-text' : 'text', value: output };
  return { type: isError ? 'error-json' : 'json', value: output as JSONValue };
};
