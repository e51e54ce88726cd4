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
  const seen: { readonly call: string; readonly body: unknown; readonly lastId: unknown }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const lastId = request.headers['last-event-id'];
      seen.push({ call: `${request.method} ${request.url}`, body: JSON.parse(body === '' ? 'null' : body), lastId });
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
const views =
  (...revisions: number[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const revision of revisions) {
      const view = { id: 'rol_1', revision, completedAt: revision === 9 ? '2026-11-02T03:04:05.000Z' : null };
      response.write(`: hi\n\nid: rol_1.${revision}\nevent: rollout\ndata: ${JSON.stringify(view)}\n\n`);
    }
  };

test('no rollout is undefined, and so is no freeze', async () => {
  const { client, seen } = await serve(json(null));
  expect(await client.rollouts.get('writer')).toBeUndefined();
  expect(await client.freezes.get('writer')).toBeUndefined();
  expect(seen.map(({ call }) => call)).toEqual(['GET /api/agents/writer/rollout', 'GET /api/agents/writer/freeze']);
});

test('a conflict carries the record as it is', async () => {
  const { client } = await serve(problem('version_conflict', 409, { revision: 7, current: { revision: 7 } }));
  await expect(client.rollouts.patch('writer', { revision: 6, weight: '0.001' })).rejects.toMatchObject({
    code: 'version_conflict',
    details: { revision: 7, current: { revision: 7 } },
  });
});

test('a rollback and a score are tried again; a start, a promotion and a change are not', async () => {
  const away = await serve(problem('unavailable', 503));
  const { rollouts, scores, replays } = away.client;
  const tries = async (call: Promise<unknown>) => {
    const before = away.seen.length;
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    return away.seen.length - before;
  };
  expect(await tries(rollouts.rollback('writer'))).toBe(4);
  expect(await tries(scores.post('run_1', { scorer: 'polite', value: 1 }))).toBe(4);
  expect(await tries(rollouts.forecast('writer', { type: 'canary' }))).toBe(4);
  expect(await tries(rollouts.start('writer', { type: 'canary', candidateVersionId: 'v2' }))).toBe(1);
  expect(await tries(rollouts.promote('writer', { revision: 1 }))).toBe(1);
  expect(await tries(rollouts.patch('writer', { revision: 1, weight: 0.1 }))).toBe(1);
  expect(await tries(rollouts.pause('writer'))).toBe(1);
  expect(await tries(rollouts.cancel('writer'))).toBe(1);
  expect(await tries(replays.start('writer', { candidate: 'v2', runs: { kind: 'failed' } }))).toBe(1);
});

test('what ends a rollout answers the record itself', async () => {
  const { client, seen } = await serve(json({ success: true, rollout: { id: 'rol_1' } }));
  expect(await client.rollouts.promote('a b', { revision: 3, versionId: 'v2' })).toEqual({ id: 'rol_1' });
  expect(await client.rollouts.rollback('a', { reason: 'bad' })).toEqual({ id: 'rol_1' });
  expect(await client.rollouts.cancel('a', { revision: 3 })).toEqual({ id: 'rol_1' });
  expect(seen.map(({ call, body }) => [call, body])).toEqual([
    ['POST /api/agents/a%20b/rollout/promote', { revision: 3, versionId: 'v2' }],
    ['POST /api/agents/a/rollout/rollback', { reason: 'bad' }],
    ['DELETE /api/agents/a/rollout', { revision: 3 }],
  ]);
});

test('lists those of one agent or of all', async () => {
  const { client, seen } = await serve(json({ rollouts: [], total: 0, page: 1, perPage: false }));
  await client.rollouts.list();
  await client.rollouts.list({ agentId: 'writer', page: 2, perPage: false });
  expect(seen.map(({ call }) => call)).toEqual([
    'GET /api/rollouts',
    'GET /api/agents/writer/rollouts?page=2&perPage=false',
  ]);
});

test('watches on after a broken stream, until the rollout has ended', async () => {
  const { client, seen } = await serve(
    (response) => {
      views(1, 2)(response);
      response.socket?.destroySoon();
    },
    problem('unavailable', 503),
    (response) => views(3, 9)(response),
  );
  const got: number[] = [];
  for await (const { revision } of client.rollouts.watch('writer')) got.push(revision);
  expect(got).toEqual([1, 2, 3, 9]);
  expect(seen.map(({ lastId }) => lastId)).toEqual([undefined, 'rol_1.2', 'rol_1.2']);
});

test('nothing to watch is not found, at once; a watch that is given up says so', async () => {
  const nothing = await serve(problem('not_found', 404));
  const read = async (client: typeof nothing.client, abort?: AbortController) => {
    const options = abort === undefined ? {} : { signal: abort.signal };
    for await (const _view of client.rollouts.watch('writer', options)) abort?.abort();
  };
  await expect(read(nothing.client)).rejects.toMatchObject({ code: 'not_found' });
  expect(nothing.seen).toHaveLength(1);
  const { client } = await serve(views(1));
  await expect(read(client, new AbortController())).rejects.toMatchObject({ code: 'cancelled' });
});

test('waits for events no longer than it was told to, plus what the way takes', async () => {
  const { client, seen } = await serve(json({ items: [], next: 4 }));
  expect(await client.rollouts.events({ after: 4, limit: 5, waitMs: 1_000 })).toEqual({ items: [], next: 4 });
  expect(seen[0]?.call).toBe('GET /api/rollout-events?after=4&limit=5&waitMs=1000');
});
