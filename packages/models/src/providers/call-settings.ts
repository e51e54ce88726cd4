import type { JsonObject, JsonValue } from '@skein/domain';
import type { TurnRequest } from '@skein/ports';

/** Settings that the SDK knows for every provider, by the names that model files may use. */
const settingNames: { readonly [parameter: string]: string } = {
  temperature: 'temperature',
  top_p: 'topP',
  topP: 'topP',
  top_k: 'topK',
  topK: 'topK',
  presence_penalty: 'presencePenalty',
  presencePenalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  frequencyPenalty: 'frequencyPenalty',
  seed: 'seed',
  stop: 'stopSequences',
  stop_sequences: 'stopSequences',
  stopSequences: 'stopSequences',
};

const providerKeys: { readonly [provider: string]: string } = {
  openai: 'openai',
  anthropic: 'anthropic',
  'openai-compatible': 'openaiCompatible',
};

/** Anthropic demands a bound on its answer. Where nobody gives one this applies; the SDK lowers it for models that it knows to write less. */
const anthropicMaxOutputTokens = 32_000;

/** What the SDK takes beside messages and tools. */
export interface CallSettings {
  readonly maxOutputTokens?: number;
  readonly providerOptions?: { readonly [provider: string]: JsonObject };
}

/** The call settings of a turn: known parameters by name, all others as options of the provider. */
export const callSettings = (request: TurnRequest): CallSettings => {
  const settings: { [name: string]: JsonValue } = {};
  const options: JsonObject = {};
  for (const [name, value] of Object.entries(request.model.parameters)) {
    const setting = Object.hasOwn(settingNames, name) ? settingNames[name] : undefined;
    if (setting === undefined) options[camelCase(name)] = value;
    else settings[setting] = setting === 'stopSequences' && typeof value === 'string' ? [value] : value;
  }
  const otherwise = request.model.provider === 'anthropic' ? anthropicMaxOutputTokens : undefined;
  const bounds = [request.maxOutputTokens, request.model.maxOutputTokens ?? otherwise].filter(
    (bound) => bound !== undefined,
  );
  const maxOutputTokens = bounds.length > 0 ? Math.min(...bounds) : undefined;
  const key = providerKeys[request.model.provider];
  return {
    ...settings,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(key === undefined || Object.keys(options).length === 0 ? {} : { providerOptions: { [key]: options } }),
  };
};

const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
