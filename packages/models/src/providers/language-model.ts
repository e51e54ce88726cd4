import { DomainError, type ModelContent } from '@skein/domain';
import type { LanguageModel } from 'ai';

/** The AI SDK, loaded on first use: a worker that only runs shell steps never pays for it. */
export const loadSdk = async (): Promise<Pick<typeof import('ai'), 'streamText' | 'jsonSchema'>> => {
  // The SDK's own switch; its warnings would go to the console of the worker.
  (globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;
  return await import('ai');
};

/** A redirect is an answer like any other: following it would take the conversation, and some providers' keys, to another host. */
const fetchWithoutRedirects: typeof fetch = (input, init) => fetch(input, { ...init, redirect: 'manual' });

/**
 * The provider's model object; provider packages are loaded lazily.
 * OpenAI is spoken to over chat completions: stateless, and nothing of the conversation stays with the provider.
 */
export const loadLanguageModel = async (content: ModelContent, apiKey: string | undefined): Promise<LanguageModel> => {
  const baseURL = apiRoot(content);
  const common = { fetch: fetchWithoutRedirects };
  switch (content.provider) {
    case 'openai': {
      const { createOpenAI } = await import('@ai-sdk/openai');
      return createOpenAI({ ...common, apiKey: apiKey ?? '', baseURL: baseURL ?? 'https://api.openai.com/v1' }).chat(
        content.model,
      );
    }
    case 'anthropic': {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return createAnthropic({ ...common, apiKey: apiKey ?? '', baseURL: baseURL ?? 'https://api.anthropic.com/v1' })(
        content.model,
      );
    }
    case 'openai-compatible': {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      if (baseURL === undefined) {
        throw new DomainError('invalid_argument', `model ${content.id}: openai-compatible needs a base_url`);
      }
      const provider = createOpenAICompatible({
        ...common,
        name: 'openai-compatible',
        baseURL,
        includeUsage: true,
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      return provider.chatModel(content.model);
    }
    case 'offline':
      throw new DomainError('internal', 'the offline model has no provider package');
    default:
      throw new DomainError('unimplemented', `unknown model provider ${String(content.provider)}`);
  }
};

/** Both forms of base URL are in use for the two big providers: with `/v1`, and the bare host. */
const apiRoot = ({ provider, baseUrl }: ModelContent): string | undefined => {
  const trimmed = baseUrl?.replace(/(?<!\/)\/+$/, '');
  const isBareHost = trimmed !== undefined && /^https?:\/\/[^/]+$/.test(trimmed);
  return isBareHost && provider !== 'openai-compatible' ? `${trimmed}/v1` : trimmed;
};
