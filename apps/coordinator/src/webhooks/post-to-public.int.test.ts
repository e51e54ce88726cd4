import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseAllowedTargets } from '@skein/executors';
import { expect, onTestFinished, test } from 'vitest';
import { createWebhookSender } from './create-webhook-sender.ts';
import { createPostToPublic } from './post-to-public.ts';

const listen = async () => {
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(String(request.headers['webhook-signature']));
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
};
const message = { id: 'msg_1', timestamp: 1, body: '{}' };

test('a sender that is held to public addresses says nothing to a private one', async () => {
  const { got, url } = await listen();
  const sender = createWebhookSender({ urls: [url], key: new Uint8Array(32) }, 5_000, await createPostToPublic());
  await expect(sender.send(sender.names[0] ?? '', message)).rejects.toMatchObject({
    code: 'unavailable',
    details: { reason: 'not_public' },
  });
  expect(got).toEqual([]);
});

test('what may be reached gets the same signed request', async () => {
  const { got, url } = await listen();
  const allowed = parseAllowedTargets('127.0.0.1');
  if (!allowed.ok) throw new Error(allowed.error);
  const key = new Uint8Array(32);
  const guarded = createWebhookSender(
    { urls: [url], key },
    5_000,
    await createPostToPublic({ allowed: allowed.value }),
  );
  await guarded.send(guarded.names[0] ?? '', message);
  const plain = createWebhookSender({ urls: [url], key });
  await plain.send(plain.names[0] ?? '', message);
  expect(got).toHaveLength(2);
  expect(got[0]).toBe(got[1]);
});
