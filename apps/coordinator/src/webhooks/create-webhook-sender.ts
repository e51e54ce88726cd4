import { createHash, createHmac } from 'node:crypto';
import { DomainError, isDomainError } from '@skein/domain';
import type { WebhookMessage, WebhookSender } from '@skein/ports';
import type { WebhookConfig } from './webhook-config.ts';

/** How long one try may last (ms). */
const timeoutMs = 10_000;

/** Host and a few digits of the hash: a path may hold a secret, and two of one host must differ. */
const nameOf = (url: string): string =>
  `${new URL(url).host}#${createHash('sha256').update(url).digest('hex').slice(0, 8)}`;

/**
 * `v1,` and the base64 of HMAC-SHA256 over id, timestamp and body, joined by dots.
 * @source https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const signWebhook = (key: Uint8Array, { id, timestamp, body }: WebhookMessage): string =>
  `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

/** Posts once and gives the status; follows no redirect. */
export type PostWebhook = (
  url: string,
  headers: { readonly [name: string]: string },
  body: string,
  signal: AbortSignal,
) => Promise<number>;

/** Wherever the operator's URL leads. */
const postAnywhere: PostWebhook = async (url, headers, body, signal) => {
  const response = await fetch(url, { method: 'POST', redirect: 'manual', signal, headers, body });
  await response.body?.cancel();
  return response.status;
};

/** Sends signed webhooks over HTTP; follows no redirect, gives up after `limitMs`, and says no address and no key in an error. */
export const createWebhookSender = (
  { urls, key }: WebhookConfig,
  limitMs: number = timeoutMs,
  post: PostWebhook = postAnywhere,
): WebhookSender => {
  const byName = new Map(urls.map((url) => [nameOf(url), url]));
  return {
    names: [...byName.keys()],
    send: async (name, message) => {
      const url = byName.get(name);
      if (url === undefined) throw new DomainError('unavailable', 'there is no such webhook', { webhook: name });
      let status: number;
      try {
        status = await post(
          url,
          {
            'content-type': 'application/json',
            'webhook-id': message.id,
            'webhook-timestamp': String(message.timestamp),
            'webhook-signature': signWebhook(key, message),
          },
          message.body,
          AbortSignal.timeout(limitMs),
        );
      } catch (thrown) {
        const reason = reasonOf(thrown);
        throw new DomainError('unavailable', 'a webhook was not answered', { webhook: name, reason });
      }
      if (status < 200 || status > 299)
        throw new DomainError('unavailable', 'a webhook was refused', { webhook: name, status });
    },
  };
};

const reasonOf = (thrown: unknown): string => {
  if (isDomainError(thrown) && thrown.code === 'permission_denied') return 'not_public';
  return thrown instanceof Error && thrown.name === 'TimeoutError' ? 'timeout' : 'no_answer';
};
