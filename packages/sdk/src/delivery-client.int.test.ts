import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createClient } from './create-client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers the n-th request with the n-th of `answers` (the last one repeats), and what it was asked. */
const serve = async (...answers: ((response: ServerResponse) => void)[]) => {
  const seen: { readonly method: string; readonly url: string; readonly body: { readonly [key: string]: unknown } }[] =
    [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', body: JSON.parse(body === '' ? '{}' : body) });
      answers[Math.min(seen.length, answers.length) - 1]?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { seen, client: createClient({ url, token: 'tok', retry: { baseMs: 1, maxMs: 2, attempts: 4 } }) };
};

const json =
  (value: unknown, status = 200) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const problem = (code: string, status: number, details = {}) =>
  json({ code, status, detail: `is ${code}`, details }, status);

test('a message that is tried again carries the same id, so it is sent once', async () => {
  const { client, seen } = await serve(
    problem('unavailable', 503),
    (response) => response.destroy(),
    json({ messageId: 'm' }, 200),
  );
  expect(await client.messages.send('run_1', 'triage[3]', { text: 'hi' })).toEqual({
    message: { messageId: 'm' },
    created: false,
  });
  expect(seen.map(({ url }) => url)).toEqual(Array(3).fill('/api/runs/run_1/steps/triage%5B3%5D/messages'));
  expect(new Set(seen.map(({ body }) => body['messageId'])).size).toBe(1);
  expect(seen[0]?.body['messageId']).toMatch(/^msg_[0-9a-f-]{36}$/);
});

test('a chosen id is kept', async () => {
  const { client, seen } = await serve(json({ messageId: 'mine' }, 201));
  const { created } = await client.messages.send('run_1', '@failure', { text: 'hi', messageId: 'mine', ttlMs: 5 });
  expect(created).toBe(true);
  expect(seen[0]).toMatchObject({
    url: '/api/runs/run_1/steps/%40failure/messages',
    body: { text: 'hi', messageId: 'mine', ttlMs: 5 },
  });
});

test('a full mailbox is told at once, with its depth', async () => {
  const { client, seen } = await serve(problem('mailbox_full', 429, { depth: 100, oldestAgeMs: 7 }));
  await expect(client.messages.send('run_1', 'a', { text: 'hi' })).rejects.toMatchObject({
    code: 'mailbox_full',
    details: { depth: 100, oldestAgeMs: 7 },
  });
  expect(seen).toHaveLength(1);
});

test('waits for a reply', async () => {
  const { client, seen } = await serve(json({ state: 'replied' }));
  await client.messages.get('run_1', 'a', 'note:7', { waitMs: 1_000, until: 'reply' });
  expect(seen[0]?.url).toBe('/api/runs/run_1/steps/a/messages/note%3A7?waitMs=1000&until=reply');
});

test('an answer to an approval is tried again; a push-back, a redrive and a purge are not', async () => {
  const away = await serve(problem('unavailable', 503));
  const { approvals, deadLetters } = away.client;
  const tries = async (call: Promise<unknown>) => {
    const before = away.seen.length;
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    return away.seen.length - before;
  };
  expect(await tries(approvals.approve('run_1', 'review', { inputs: { title: 'x' } }))).toBe(4);
  expect(away.seen[0]?.body).toEqual({ decision: 'approve', inputs: { title: 'x' } });
  expect(await tries(approvals.reject('run_1', 'review', { reason: 'no', round: 2 }))).toBe(4);
  expect(await tries(approvals.pushBack('run_1', 'review', { feedback: 'shorter', to: 'write' }))).toBe(1);
  expect(away.seen.at(-1)?.body).toEqual({ decision: 'push_back', feedback: 'shorter', to: 'write' });
  expect(await tries(deadLetters.redrive('dl:run_1:a:3'))).toBe(1);
  expect(await tries(deadLetters.redrive('dl:run_1:a:3', { dryRun: true }))).toBe(4);
  expect(await tries(deadLetters.purge('dl:run_1:a:3'))).toBe(1);
  expect(away.seen.at(-1)?.url).toBe('/api/dead-letters/dl%3Arun_1%3Aa%3A3/purge');
});

test('reads the effect ledger to its end', async () => {
  const { client, seen } = await serve(json({ items: [1], nextCursor: 'n' }), json({ items: [2], nextCursor: null }));
  expect(await client.runs.effects('run_1')).toEqual([1, 2]);
  expect(seen[1]?.url).toBe('/api/runs/run_1/effects?limit=1000&cursor=n');
});

test('a gap in the delivery events is there when there is one, and only then', async () => {
  const { client } = await serve(
    json({ items: [], next: 9, gap: { from: 3, to: 9 } }),
    json({ items: [], next: 9, gap: null }),
  );
  expect(await client.deliveryEvents.read({ after: 2 })).toEqual({ items: [], next: 9, gap: { from: 3, to: 9 } });
  expect(await client.deliveryEvents.read({ after: 9 })).toEqual({ items: [], next: 9 });
});

test('a gap in the events of a run is an event, and the watch goes on behind it', async () => {
  const { client } = await serve((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [seq, type] of [
      [7, 'gap'],
      [8, 'run_finished'],
    ] as const) {
      const data = type === 'gap' ? { from: 1, to: 7 } : {};
      response.write(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ seq, type, data })}\n\n`);
    }
  });
  const got: unknown[] = [];
  for await (const event of client.runs.watch('run_1')) got.push([event.seq, event.type]);
  expect(got).toEqual([
    [7, 'gap'],
    [8, 'run_finished'],
  ]);
});
