import type { ApplyInput } from '../wire.ts';

/** What `provider: auto` becomes. */
export type AutoModelChoice = NonNullable<ApplyInput['autoModel']>;

/** The rule-based model that needs neither network nor key. It is no language model. */
export const offlineModel: AutoModelChoice = { provider: 'offline', model: 'offline/rules-1' };

/**
 * What `provider: auto` becomes in this environment: the OpenAI-compatible server at `SKEIN_MODEL_BASE_URL`, else the provider whose
 * key is set (Anthropic before OpenAI), with `SKEIN_MODEL` as its model if given; the offline rules with none of these.
 * A compatible server gets the key of `OPENAI_API_KEY` if there is one, and none otherwise.
 * The choice names the variable that holds the key, never the key (S3).
 */
export const autoModelFrom = (env: { readonly [name: string]: string | undefined }): AutoModelChoice => {
  const set = (name: string): string | undefined =>
    env[name] === undefined || env[name] === '' ? undefined : env[name];
  const model = set('SKEIN_MODEL');
  const server = set('SKEIN_MODEL_BASE_URL');
  if (server !== undefined) {
    const compatible = { provider: 'openai-compatible', model: model ?? 'default', baseUrl: server } as const;
    return set('OPENAI_API_KEY') === undefined ? compatible : { ...compatible, secretName: 'OPENAI_API_KEY' };
  }
  if (set('ANTHROPIC_API_KEY') !== undefined) {
    return choice('anthropic', model ?? 'claude-sonnet-4-5', 'ANTHROPIC_API_KEY', set('ANTHROPIC_BASE_URL'));
  }
  if (set('OPENAI_API_KEY') !== undefined) {
    return choice('openai', model ?? 'gpt-5-mini', 'OPENAI_API_KEY', set('OPENAI_BASE_URL'));
  }
  return offlineModel;
};

const choice = (
  provider: AutoModelChoice['provider'],
  model: string,
  secretName: string,
  baseUrl: string | undefined,
): AutoModelChoice => ({ provider, model, secretName, ...(baseUrl === undefined ? {} : { baseUrl }) });
