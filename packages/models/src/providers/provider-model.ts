import { DomainError, isDomainError, type JsonObject, type JsonValue, type ModelContent } from '@skein/domain';
import type { Clock, Model, ToolCall, Turn, TurnRequest } from '@skein/ports';
import type { LanguageModelUsage } from 'ai';
import { callSettings } from './call-settings.ts';
import { loadLanguageModel, loadSdk } from './language-model.ts';
import { toSdkMessages } from './message-mapping.ts';
import { toDomainError } from './provider-error.ts';

/** What the provider model needs; see `ModelRouterDeps`. */
export interface ProviderModelDeps {
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
}

const defaultSecrets: { readonly [provider in ModelContent['provider']]?: string } = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

/** Remote providers over the AI SDK: one streamed turn, tools without execution, no retries of its own. */
export const createProviderModel = (deps: ProviderModelDeps): Model => ({
  turn: async (request, onText, signal) => {
    const apiKey = await readKey(request);
    const watch = watchStream(deps, signal);
    try {
      return await streamTurn(request, apiKey, onText, watch);
    } catch (thrown) {
      const error = toDomainError(watch.stopped() ?? thrown, apiKey);
      watch.stop(error);
      throw error;
    } finally {
      watch.end();
    }
  },
});

/** The key of the model, read per turn, never stored or logged (S3). */
const readKey = async ({ model, readSecret }: TurnRequest): Promise<string | undefined> => {
  const name = model.secretName ?? defaultSecrets[model.provider];
  if (name === undefined) return undefined;
  const unusable = (defect: string): DomainError =>
    new DomainError('unauthenticated', `the secret ${name} of model ${model.id} ${defect}`, { secretName: name });
  const value = await readSecret?.(name).catch((thrown: unknown) => {
    if (isDomainError(thrown) && thrown.code === 'not_found') return undefined;
    throw thrown;
  });
  // Files end in a line break, and what was read from one often still does.
  const key = value?.trim() ?? '';
  if (key === '') throw unusable('is set neither on this worker nor at the coordinator');
  // Any other text could not be a header, and the complaint about that would quote it (S3).
  if (!/^[\x21-\x7e]+$/.test(key)) throw unusable('holds characters that no key has');
  return key;
};

/** What one answer may weigh, in UTF-16 units of text and of tool input; a provider without end is cut here, not by memory. */
const maxAnswerLength = 16 * 1024 * 1024;

/** Aborts the call when the caller does, or when the stream has been silent for too long. */
interface StreamWatch {
  readonly signal: AbortSignal;
  /** A sign of life. */
  alive(): void;
  /** Why the call was stopped from our side, if it was. */
  stopped(): unknown;
  /** Closes the connection; what is still on its way is not read. */
  stop(reason: DomainError): void;
  end(): void;
}

const watchStream = (deps: ProviderModelDeps, signal: AbortSignal): StreamWatch => {
  const controller = new AbortController();
  const arm = () =>
    deps.clock.after(deps.idleTimeoutMs, () =>
      controller.abort(
        new DomainError('deadline_exceeded', 'the provider sent nothing for too long', { idleMs: deps.idleTimeoutMs }),
      ),
    );
  const forward = () =>
    controller.abort(
      signal.reason instanceof DomainError ? signal.reason : new DomainError('cancelled', 'the turn was cancelled'),
    );
  let disarm = arm();
  if (signal.aborted) forward();
  else signal.addEventListener('abort', forward, { once: true });
  return {
    signal: controller.signal,
    alive: () => {
      disarm();
      disarm = arm();
    },
    stopped: () => (controller.signal.aborted ? controller.signal.reason : undefined),
    stop: (reason) => controller.abort(reason),
    end: () => {
      disarm();
      signal.removeEventListener('abort', forward);
    },
  };
};

const streamTurn = async (
  request: TurnRequest,
  apiKey: string | undefined,
  onText: (text: string) => void,
  watch: StreamWatch,
): Promise<Turn> => {
  watch.signal.throwIfAborted();
  const { streamText, jsonSchema } = await loadSdk();
  const model = await loadLanguageModel(request.model, apiKey);
  const stream = streamText({
    model,
    ...(request.system === '' ? {} : { system: request.system }),
    messages: toSdkMessages(request.messages),
    tools: Object.fromEntries(
      request.tools.map((tool) => [
        tool.name,
        { description: tool.description, inputSchema: jsonSchema<JsonValue>(tool.inputSchema) },
      ]),
    ),
    ...callSettings(request),
    maxRetries: 0,
    abortSignal: watch.signal,
    // Errors arrive as parts of the stream; the SDK's default would print them.
    onError: () => {},
  });
  let text = '';
  let length = 0;
  const toolCalls: ToolCall[] = [];
  for await (const part of stream.fullStream) {
    watch.alive();
    if ('text' in part) length += part.text.length;
    if (part.type === 'tool-input-delta') length += part.delta.length;
    if (length > maxAnswerLength) {
      throw new DomainError('too_large', "the provider's answer does not end", { limit: maxAnswerLength });
    }
    switch (part.type) {
      case 'text-delta':
        text += part.text;
        onText(part.text);
        break;
      case 'tool-call':
        toolCalls.push({ callId: part.toolCallId, tool: part.toolName, input: asJson(part.input) });
        break;
      case 'error':
        throw part.error;
      case 'abort':
        throw watch.stopped() ?? new DomainError('cancelled', 'the turn was cancelled');
      case 'finish':
        return finishTurn(request, text, toolCalls, part.finishReason, part.rawFinishReason, part.totalUsage);
      default:
        break;
    }
  }
  throw new DomainError('unavailable', "the provider's stream ended before its answer was complete");
};

const asJson = (value: unknown): JsonValue => (value === undefined ? {} : (value as JsonValue));

const finishTurn = (
  request: TurnRequest,
  text: string,
  toolCalls: readonly ToolCall[],
  reason: string,
  rawReason: string | undefined,
  usage: LanguageModelUsage,
): Turn => {
  // No reason of the provider's own means that the connection ended first: the answer may be half of one.
  if (reason === 'error' || (reason === 'other' && rawReason === undefined)) {
    throw new DomainError('unavailable', "the provider's stream ended before its answer was complete");
  }
  return {
    text,
    toolCalls,
    finishReason: finishReasons[reason] ?? (toolCalls.length > 0 ? 'tool_calls' : 'other'),
    usage: {
      // A server that counts nothing still has to meet token limits: about four characters make a token.
      inputTokens: usage.inputTokens || estimateTokens(request.system, request.messages as unknown as JsonValue),
      outputTokens: usage.outputTokens || estimateTokens(text, toolCalls as unknown as JsonValue),
    },
  };
};

const finishReasons: { readonly [reason: string]: Turn['finishReason'] } = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
};

const estimateTokens = (text: string, rest: JsonValue | JsonObject): number =>
  Math.ceil((text.length + JSON.stringify(rest).length) / 4);
