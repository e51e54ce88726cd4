import type { ModelContent } from '@skein/domain';
import type { AutoModel } from '@skein/ports';
import type { SourceText } from '../problem/source-text.ts';
import { type RecordValue, record } from '../shape/record.ts';
import { integer, jsonMap, number, text, word } from '../shape/scalars.ts';
import type { Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

const providers = ['auto', 'offline', 'openai', 'anthropic', 'openai-compatible'] as const;
const price = number({ min: 0 }, 'US dollars per million tokens');

const pricesFields = {
  input_per_million: { shape: price, about: 'US dollars per million tokens in.', required: true },
  output_per_million: { shape: price, about: 'US dollars per million tokens out.', required: true },
} as const;

/** A variable name; what looks like a key itself is refused without being repeated (S3). */
const secretName: Shape<string> = {
  expected: 'the name of the environment variable that holds the key',
  schema: { type: 'string', pattern: '^[A-Z_][A-Z0-9_]*$' },
  read: (node, source) => {
    const value = text().read(node, source);
    if (value === undefined || /^[A-Z_][A-Z0-9_]*$/.test(value)) return value;
    const expected = 'the name of the environment variable that holds the key, such as OPENAI_API_KEY';
    source.report(node, { message: 'secret must be a name, never the secret itself', expected });
    return undefined;
  },
};

const modelFields = {
  provider: {
    shape: word(providers, ['google', 'bedrock', 'azure', 'ollama', 'openrouter']),
    about: 'Who serves the model; auto is taken from the environment of whoever applies.',
    required: true,
  },
  model: { shape: text('the name of a model'), about: 'Name of the model at its provider.' },
  base_url: { shape: text('a URL'), about: 'URL of an OpenAI-compatible server.' },
  secret: {
    shape: secretName,
    about: 'Environment variable of the worker that holds the key.',
    aliases: ['secret_name'],
  },
  parameters: { shape: jsonMap, about: 'Parameters of each turn, such as temperature.' },
  context_window: { shape: integer({ min: 1 }), about: 'Tokens that fit.' },
  max_output_tokens: { shape: integer({ min: 1 }), about: 'Tokens of one answer.' },
  prices: { shape: record({ noun: 'prices', fields: pricesFields }), about: 'Prices, for the cost of a run.' },
} as const;

type ModelFields = RecordValue<typeof modelFields>;

const modelRecord = record({ noun: 'a model', fields: modelFields, later: ['description', 'fallback', 'rate_limit'] });

const defaultSecrets: { readonly [provider: string]: string } = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

/** A model file, or an inline model of an agent. `provider: auto` becomes the given one. */
export const readModel = (
  id: string,
  node: YamlNode,
  source: SourceText,
  auto: AutoModel,
): ModelContent | undefined => {
  const fields = modelRecord.read(node, source);
  if (fields?.values.provider === undefined) return undefined;
  if (fields.values.provider === 'auto') return { ...autoContent(id, auto), ...commonOf(fields) };
  const { provider, model, base_url: baseUrl, secret } = fields.values;
  const isCompatible = provider === 'openai-compatible';
  if (model === undefined && fields.nodes.model === undefined && provider !== 'offline') {
    source.report(fields.node, { message: 'a model needs model', expected: 'model: its name at the provider' });
  }
  if (isCompatible && fields.nodes.base_url === undefined) {
    source.report(fields.node, { message: 'provider openai-compatible needs base_url', expected: 'base_url: a URL' });
  }
  if (baseUrl !== undefined && !isHttpUrl(baseUrl)) {
    source.report(fields.nodes.base_url ?? node, {
      message: 'base_url is no URL',
      expected: 'http:// or https://, without user and password',
    });
  }
  const secretOf = secret ?? defaultSecrets[provider];
  return {
    id,
    provider,
    model: model ?? offlineModel,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(secretOf === undefined ? {} : { secretName: secretOf }),
    ...commonOf(fields),
  };
};

const offlineModel = 'rules-1';

const commonOf = ({ values }: ModelFields) => ({
  parameters: values.parameters ?? {},
  ...(values.context_window === undefined ? {} : { contextWindow: values.context_window }),
  ...(values.max_output_tokens === undefined ? {} : { maxOutputTokens: values.max_output_tokens }),
  ...pricesOf(values.prices),
});

const pricesOf = (prices: ModelFields['values']['prices']): Pick<ModelContent, 'prices'> => {
  const input = prices?.values.input_per_million;
  const output = prices?.values.output_per_million;
  return input === undefined || output === undefined
    ? {}
    : { prices: { inputPerMillion: input, outputPerMillion: output } };
};

/** The model that `auto` means now. */
export const autoContent = (id: string, { provider, model, baseUrl, secretName: secret }: AutoModel): ModelContent => ({
  id,
  provider,
  model,
  ...(baseUrl === undefined ? {} : { baseUrl }),
  ...(secret === undefined ? {} : { secretName: secret }),
  parameters: {},
});

/** Credentials in a URL would put a secret into a part (S3). */
const isHttpUrl = (value: string): boolean => {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
};
