import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDomainError } from '@skein/domain';
import { afterEach, expect, test } from 'vitest';
import { createClient } from './create-client.ts';
import type { WatchedEvent } from './wire.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that answers the n-th request with the n-th of `answers` (the last one repeats). */
const serve = async (...answers: ((response: ServerResponse, seen: Seen) => void)[]) => {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      seen.push(entry);
      answers[Math.min(seen.length, answers.length) - 1]?.(response, entry);
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
const problem = (code: string, status: number, more: object = {}) =>
  json({ code, status, detail: `is ${code}`, ...more }, status);
const events =
  (...seqs: number[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const seq of seqs) {
      const type = seq === 4 ? 'run_finished' : 'noise';
      response.write(`: hi\n\nid: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ seq, type })}\n\n`);
    }
  };

test('sends the token and gives typed errors back', async () => {
  const { client, seen } = await serve(
    problem('invalid_argument', 400, { problems: [{ message: 'no', field: 'dag' }] }),
  );
  const error: unknown = await client.runs.submit({ dag: '' }).catch((thrown: unknown) => thrown);
  expect(isDomainError(error)).toBe(true);
  expect(error).toMatchObject({
    code: 'invalid_argument',
    message: 'is invalid_argument',
    details: { problems: [{ message: 'no', field: 'dag' }] },
  });
  expect(seen).toHaveLength(1);
  expect(seen[0]?.headers.authorization).toBe('Bearer tok');
});

test('a submit that is tried again carries the same key, so it starts one run', async () => {
  const { client, seen } = await serve(
    problem('unavailable', 503),
    (response) => response.destroy(),
    json({ runId: 'r' }, 201),
  );
  expect(await client.runs.submit({ dag: 'a' })).toEqual({ run: { runId: 'r' }, created: true });
  const keys = seen.map((request) => request.headers['idempotency-key']);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
});

test('a call that may not be repeated is tried once', async () => {
  const { client, seen } = await serve(problem('unavailable', 503));
  await expect(client.tokens.create({ kind: 'api', name: 'x' })).rejects.toMatchObject({ code: 'unavailable' });
  expect(seen).toHaveLength(1);
});

test('gives up after its tries, and says that nobody is there', async () => {
  const { client, seen } = await serve(problem('unavailable', 503));
  await expect(client.runs.get('run_1')).rejects.toMatchObject({ code: 'unavailable' });
  expect(seen).toHaveLength(4);
  const nobody = createClient({ url: 'http://127.0.0.1:1', retry: { attempts: 1 } });
  await expect(nobody.dags.list()).rejects.toMatchObject({ code: 'unavailable' });
});

test('an answer that is none of ours becomes the nearest code', async () => {
  const { client } = await serve((response) => response.writeHead(404).end('<html>'));
  await expect(client.runs.get('x')).rejects.toMatchObject({ code: 'not_found' });
});

test('watches on after a broken stream, each event once, until the run has ended', async () => {
  const { client, seen } = await serve(
    (response) => {
      events(1, 2)(response);
      response.socket?.destroySoon();
    },
    problem('unavailable', 503),
    (response) => events(2, 3, 4)(response),
  );
  const got: WatchedEvent[] = [];
  for await (const event of client.runs.watch('run_1')) got.push(event);
  expect(got.map((event) => event.seq)).toEqual([1, 2, 3, 4]);
  expect(seen.map((request) => request.headers['last-event-id'])).toEqual(['0', '2', '2']);
});

test('ends when there is nothing left to watch', async () => {
  const { client } = await serve(
    (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(),
    json({ runId: 'run_1', status: 'succeeded' }),
  );
  const got: WatchedEvent[] = [];
  for await (const event of client.runs.watch('run_1', { after: 9 })) got.push(event);
  expect(got).toEqual([]);
});

test('a watch that is given up says so', async () => {
  const { client } = await serve(events(1));
  const abort = new AbortController();
  const watch = async () => {
    for await (const event of client.runs.watch('run_1', { signal: abort.signal })) {
      expect(event.seq).toBe(1);
      abort.abort();
    }
  };
  await expect(watch()).rejects.toMatchObject({ code: 'cancelled' });
});

test('sends text as text and other bytes as base64, also with a byte order mark', async () => {
  const { client, seen } = await serve(json({ dryRun: true, agents: [], dags: [], warnings: [] }));
  await client.apply({
    files: [
      { path: 'a.md', bytes: new TextEncoder().encode('\ufeffhi'), mode: 0o100644 },
      { path: 'b.bin', bytes: new Uint8Array([0xff]) },
    ],
    dryRun: true,
  });
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
    dryRun: true,
    files: [
      { path: 'a.md', mode: 0o644, text: '\ufeffhi' },
      { path: 'b.bin', base64: '/w==' },
    ],
  });
});

test('reads whole lists page by page', async () => {
  const { client, seen } = await serve(json({ items: [1], nextCursor: 'o1' }), json({ items: [2], nextCursor: null }));
  expect(await client.dags.list()).toEqual([1, 2]);
  expect(seen[1]?.url).toBe('/api/dags?limit=1000&cursor=o1');
});

test('a coordinator that is not ready says so; that is an answer, asked for once', async () => {
  const checks = { store: { ok: false } };
  const { client, seen } = await serve(json({ status: 'not_ready', checks }, 503));
  expect(await client.readiness()).toEqual({ status: 'not_ready', checks });
  expect(seen).toHaveLength(1);
});
