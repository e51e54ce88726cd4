import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '@skein/domain';

/** Addresses that are told of rollouts, and the key that signs what they get. */
export interface WebhookConfig {
  readonly urls: readonly string[];
  readonly key: Uint8Array;
}

const maxWebhooks = 8;

/** Standard Webhooks asks for 24 to 64 bytes; a text that is no `whsec_` is taken as it is. */
const minKeyBytes = 16;

/** `whsec_` + base64, as Standard Webhooks write keys; any other text stands for its UTF-8 bytes. */
const keyOf = (text: string): Uint8Array | undefined => {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  const key = encoded === undefined ? Buffer.from(text, 'utf8') : Buffer.from(encoded, 'base64');
  return key.length >= minKeyBytes ? key : undefined;
};

const isUrl = (text: string): boolean => {
  try {
    const { protocol, username, password } = new URL(text);
    return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
  } catch {
    return false;
  }
};

/** Reads where webhooks go and how they are signed; no value is repeated in a problem. Undefined when there are none. */
export const readWebhooks = (given: {
  readonly urls?: string | undefined;
  readonly secret?: string | undefined;
  readonly secretFile?: string | undefined;
}): Result<WebhookConfig | undefined, readonly string[]> => {
  const urls = (given.urls ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  if (urls.length === 0) return ok(undefined);
  const problems: string[] = [];
  if (urls.length > maxWebhooks || !urls.every(isUrl) || new Set(urls).size !== urls.length) {
    problems.push(
      `SKEIN_WEBHOOK_URLS: must be at most ${maxWebhooks} different http or https URLs without user names, separated by commas`,
    );
  }
  let text = given.secret;
  if (text !== undefined && given.secretFile !== undefined)
    problems.push('SKEIN_WEBHOOK_SECRET, SKEIN_WEBHOOK_SECRET_FILE: give one of them');
  if (text === undefined && given.secretFile !== undefined) {
    try {
      text = readFileSync(given.secretFile, 'utf8').trim();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      problems.push(`SKEIN_WEBHOOK_SECRET_FILE: cannot read ${given.secretFile} (${code})`);
    }
  }
  const key = text === undefined ? undefined : keyOf(text);
  if (key === undefined && problems.length === 0)
    problems.push(
      `SKEIN_WEBHOOK_SECRET: webhooks are signed with a key of at least ${minKeyBytes} bytes, plain or as whsec_BASE64; give it or SKEIN_WEBHOOK_SECRET_FILE`,
    );
  return problems.length > 0 || key === undefined ? err(problems) : ok({ urls, key });
};
