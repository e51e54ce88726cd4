import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCoordinator } from '@skein/coordinator';
import { defaultTenant } from '@skein/domain';
import { createSystemClock } from '@skein/telemetry';
import {
  createFakeExpressions,
  createMemoryLog,
  createMemoryStores,
  createNodeHasher,
  createSequenceIds,
  type LoggedLine,
  type MemoryStores,
  publishAgents,
} from '@skein/testkit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createWebhookSender, signWebhook } from './create-webhook-sender.ts';
import { readWebhooks } from './webhook-config.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const secret = `whsec_${Buffer.from('a key of exactly thirty-two byte').toString('base64')}`;

/** A real server that answers as it is told. */
const receive = async (
  answer: (received: Received, response: ServerResponse, count: number) => void,
): Promise<{ readonly url: string; readonly received: Received[] }> => {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(one);
      answer(one, response, received.length);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/very-private`, received };
};

const senderOf = (url: string, limitMs?: number) => {
  const config = readWebhooks({ urls: url, secret });
  if (!config.ok || config.value === undefined) throw new Error('no webhooks');
  return createWebhookSender(config.value, limitMs);
};

/** A coordinator on these stores that tells this address of rollouts. */
const coordinatorOn = async (stores: MemoryStores, url: string, lines: LoggedLine[], limitMs?: number) => {
  const clock = createSystemClock();
  const coordinator = createCoordinator({
    clock,
    ids: createSequenceIds(),
    hasher: createNodeHasher(),
    secrets: { secureToken: () => 'salt-of-at-least-twenty-two-characters' },
    log: createMemoryLog(lines),
    meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
    ...stores,
    expressions: createFakeExpressions(),
    projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
    webhooks: senderOf(url, limitMs),
  });
  await coordinator.start();
  closers.push(() => coordinator.stop());
  return coordinator;
};

const storesWithScout = async (): Promise<MemoryStores> => {
  const hasher = createNodeHasher();
  const stores = createMemoryStores({ clock: createSystemClock(), hasher });
  await publishAgents(stores.projects, hasher, { dags: [], agents: { scout: { bold: 1 } } });
  await publishAgents(stores.projects, hasher, { dags: [], agents: { scout: {} } });
  return stores;
};

const canary = { type: 'canary', candidateVersionId: 'v1', weight: 0.5 } as const;
const by = { actor: 'ann' };

describe('a webhook over HTTP', () => {
  it('is signed as Standard Webhooks say, so that whoever has the key can check it', async () => {
    const { url, received } = await receive((_, response) => response.writeHead(204).end());
    await senderOf(url).send(senderOf(url).names[0] ?? '', { id: 'evt_1', timestamp: 1_700_000_000, body: '{"a":1}' });
    const [one] = received;
    expect(one?.headers['webhook-id']).toBe('evt_1');
    expect(one?.headers['webhook-timestamp']).toBe('1700000000');
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const expected = createHmac('sha256', key).update(`evt_1.1700000000.${one?.body}`).digest('base64');
    expect(one?.headers['webhook-signature']).toBe(`v1,${expected}`);
  });

  it('has the signature of the published example', () => {
    // https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
    expect(signWebhook(key, message)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('follows no redirect, and names neither address nor key in what it says of a failure', async () => {
    const { url } = await receive((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end());
    const sender = senderOf(url);
    const refused = sender.send(sender.names[0] ?? '', { id: 'evt_1', timestamp: 1, body: '{}' });
    await expect(refused).rejects.toMatchObject({ code: 'unavailable', details: { status: 302 } });
    const thrown: unknown = await refused.catch((error: unknown) => error);
    const said = `${JSON.stringify(thrown)} ${String(thrown)} ${sender.names.join()}`;
    expect(said).not.toContain('very-private');
    expect(said).not.toContain(secret);
  });

  it('gives up on a receiver that does not answer', async () => {
    const { url } = await receive(() => undefined);
    const sender = senderOf(url, 50);
    await expect(sender.send(sender.names[0] ?? '', { id: 'evt_1', timestamp: 1, body: '{}' })).rejects.toMatchObject({
      code: 'unavailable',
      details: { reason: 'timeout' },
    });
  });

  it('comes through a receiver that fails twice and is slow once, in order and with one id for all tries', async () => {
    const { url, received } = await receive((_, response, count) => {
      if (count <= 2) response.writeHead(500).end();
      else if (count > 3) response.writeHead(200).end('ok');
    });
    const lines: LoggedLine[] = [];
    const coordinator = await coordinatorOn(await storesWithScout(), url, lines, 1_000);
    await coordinator.rollouts.start(defaultTenant, 'scout', canary, by);
    await coordinator.rollouts.rollback(defaultTenant, 'scout', {}, by);
    const types = (): readonly string[] => received.map(({ body }) => JSON.parse(body).type as string);
    await expect.poll(types, { timeout: 60_000 }).toContain('rollout.rolled_back');
    // A try whose answer came too late is repeated, so that there may be more.
    const tries = types().lastIndexOf('rollout.created') + 1;
    expect(tries).toBeGreaterThanOrEqual(4);
    expect(types().indexOf('rollout.rolled_back')).toBe(tries);
    const idsOf = (some: readonly Received[]) => new Set(some.map(({ headers }) => headers['webhook-id']));
    expect(idsOf(received.slice(0, tries)).size).toBe(1);
    expect(idsOf(received).size).toBe(2);
    expect(JSON.stringify(lines)).not.toContain('very-private');
  });

  it('comes again with the same id when the sender dies between the answer and its cursor', async () => {
    const { url, received } = await receive((_, response) => response.writeHead(200).end());
    const stores = await storesWithScout();
    const save = stores.rollouts.saveCursor.bind(stores.rollouts);
    stores.rollouts.saveCursor = () => new Promise(() => undefined);
    const first = await coordinatorOn(stores, url, []);
    await first.rollouts.start(defaultTenant, 'scout', canary, by);
    await vi.waitFor(() => expect(received).toHaveLength(1), { timeout: 10_000 });
    await first.stop();
    stores.rollouts.saveCursor = save;
    await coordinatorOn(stores, url, []);
    await vi.waitFor(() => expect(received).toHaveLength(2), { timeout: 10_000 });
    expect(received[1]?.headers['webhook-id']).toBe(received[0]?.headers['webhook-id']);
    expect(received[1]?.body).toBe(received[0]?.body);
  });
});

describe('the settings of webhooks', () => {
  const problems = (given: Parameters<typeof readWebhooks>[0]): readonly string[] => {
    const read = readWebhooks(given);
    return read.ok ? [] : read.error;
  };

  it('are absent without addresses, and refuse what cannot be signed or reached, without repeating it', () => {
    expect(readWebhooks({})).toEqual({ ok: true, value: undefined });
    expect(readWebhooks({ urls: ' , ' })).toEqual({ ok: true, value: undefined });
    const bad = [
      { urls: 'https://a.example/x' },
      { urls: 'https://a.example/x', secret: 'short' },
      { urls: 'ftp://a.example/x', secret },
      { urls: 'https://user:password@a.example/x', secret },
      { urls: 'https://a.example/x,https://a.example/x', secret },
      { urls: 'https://a.example/x', secret, secretFile: '/nowhere' },
      { urls: 'https://a.example/x', secretFile: '/nowhere/at/all' },
    ];
    for (const given of bad) {
      const said = problems(given);
      expect(said).toHaveLength(1);
      expect(said.join()).not.toContain(secret);
      expect(said.join()).not.toContain('password');
    }
  });

  it('give each address a name that does not show its path', () => {
    const read = readWebhooks({ urls: 'https://a.example/private/1, https://a.example/private/2', secret });
    if (!read.ok || read.value === undefined) throw new Error('refused');
    const { names } = createWebhookSender(read.value);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^a\.example#[0-9a-f]{8}$/);
  });
});
