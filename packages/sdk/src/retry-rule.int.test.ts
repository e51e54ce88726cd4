import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createClient } from './create-client.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A coordinator that answers as it is told at the moment. */
const serve = async (answer: Answer) => {
  const seen: { readonly path: string; readonly key: string | undefined }[] = [];
  const place = { answer, seen, url: '', server: undefined as Server | undefined };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      seen.push({ path: request.url ?? '', key: request.headers['idempotency-key'] as string | undefined });
      place.answer(response, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place.server = server;
  place.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return place;
};

const json =
  (value: unknown, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const well = json({ runId: 'run_1', status: 'queued' }, 201);
const unavailable = json({ code: 'unavailable', status: 503, detail: 'stops' }, 503);
const reset: Answer = (_response, request) => request.socket.resetAndDestroy();
const half: Answer = (response, request) => {
  response.writeHead(201, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"runId":');
  setImmediate(() => request.socket.destroy());
};
/** An address at which nobody listens. */
const gone = async (): Promise<string> => {
  const place = await serve(well);
  place.server?.close();
  await new Promise((resolve) => place.server?.on('close', resolve));
  return place.url;
};
const clientOf = (...url: readonly string[]) =>
  createClient({ url, token: 'tok', retry: { baseMs: 1, maxMs: 2, attempts: 3 } });

describe('a call that may be repeated goes to the next coordinator', () => {
  test.each([
    ['after a connection that was reset', reset],
    ['after an answer that broke off', half],
    ['after `unavailable`', unavailable],
  ])('%s, under one idempotency key', async (_name, bad) => {
    for (let times = 0; times < 8; times += 1) {
      const first = await serve(bad);
      const second = await serve(well);
      const { created } = await clientOf(first.url, second.url).runs.submit({ dag: 'd' });
      expect(created).toBe(true);
      expect(second.seen.length).toBe(1);
      const keys = new Set([...first.seen, ...second.seen].map(({ key }) => key));
      expect(keys.size).toBe(1);
      expect([...keys][0]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('when nobody listens at the first, and stays with the one that answered', async () => {
    const there = await serve(json({ runId: 'run_1', status: 'queued' }));
    const client = clientOf(await gone(), there.url, await gone());
    for (let times = 0; times < 5; times += 1) await client.runs.get('run_1');
    expect(there.seen.length).toBe(5);
  });

  test('and gives up with the last error when none of them answers', async () => {
    const places = await Promise.all([serve(unavailable), serve(unavailable)]);
    const call = clientOf(...places.map(({ url }) => url)).runs.cancel('run_1');
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    expect(places.map(({ seen }) => seen.length).toSorted((a, b) => a - b)).toEqual([2, 2]);
  });

  test('but an answer is an answer: what the coordinator refuses is not asked again', async () => {
    const place = await serve(json({ code: 'illegal_transition', status: 409, detail: 'no' }, 409));
    await expect(clientOf(place.url).runs.cancel('run_1')).rejects.toMatchObject({ code: 'illegal_transition' });
    expect(place.seen.length).toBe(1);
  });

  test('one that has too much to do is waited for, not left', async () => {
    let busy = 2;
    const busyFirst: Answer = (response, request) =>
      busy-- > 0
        ? json({ code: 'resource_exhausted', status: 429, detail: 'slow' }, 429)(response, request)
        : well(response, request);
    const places = await Promise.all([serve(busyFirst), serve(busyFirst)]);
    await clientOf(...places.map(({ url }) => url)).runs.submit({ dag: 'd' });
    expect(places.map(({ seen }) => seen.length).toSorted((a, b) => a - b)).toEqual([0, 3]);
  });
});

describe('a call that must not be repeated', () => {
  test.each([
    ['after a connection that was reset', reset],
    ['after `unavailable`', unavailable],
  ])('is not: %s', async (_name, bad) => {
    const places = await Promise.all([serve(bad), serve(bad)]);
    const call = clientOf(...places.map(({ url }) => url)).tokens.create({ kind: 'api', name: 'x' });
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    expect(places.map(({ seen }) => seen.length).toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test('goes to another coordinator when nobody can have seen it', async () => {
    const there = await serve(json({ token: 't', tokenId: 'tok_1' }, 201));
    for (let times = 0; times < 8; times += 1)
      await clientOf(await gone(), there.url).tokens.create({ kind: 'api', name: 'x' });
    expect(there.seen.length).toBe(8);
  });
});

test('several addresses may be one text, and a client without any is refused', () => {
  expect(createClient({ url: 'http://a:1/, http://b:2' }).url).toBe('http://a:1');
  expect(() => createClient({ url: ' , ' })).toThrow('1 to 32 addresses');
});

test('a retry of a run starts one run, however often its answer is lost', async () => {
  const first = await serve(reset);
  const second = await serve(well);
  for (let times = 0; times < 4; times += 1) await clientOf(first.url, second.url).runs.retry('run_1');
  const keys = second.seen.map(({ key }) => key);
  expect([keys.length, new Set(keys).size]).toEqual([4, 4]);
});
