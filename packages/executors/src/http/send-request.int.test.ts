import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseAllowedTargets, publicOnly } from './allowed-targets.ts';
import { type HttpGate, type HttpRequest, type ResolveAddresses, sendRequest } from './send-request.ts';

interface Seen {
  readonly method: string | undefined;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const seen: Seen[] = [];
let answer: (request: Seen, response: ServerResponse) => void = (_request, response) => void response.end('ok');
let port = 0;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url: path, headers } = request;
    const one = { method, host: headers.host, path, headers, body: Buffer.concat(chunks).toString() };
    seen.push(one);
    answer(one, response);
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  answer = (_request, response) => void response.end('ok');
});

/** Each name's answers in turn; the last one stays. */
const resolver = (names: {
  readonly [name: string]: readonly (readonly string[])[];
}): ResolveAddresses & { asked: string[] } => {
  const turns = new Map<string, number>();
  const asked: string[] = [];
  const resolve: ResolveAddresses = (hostname, done) => {
    asked.push(hostname);
    const turn = turns.get(hostname) ?? 0;
    turns.set(hostname, turn + 1);
    const answers = names[hostname];
    const addresses = answers?.[Math.min(turn, answers.length - 1)];
    if (addresses === undefined) done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    else
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  };
  return Object.assign(resolve, { asked });
};

const local = (() => {
  const parsed = parseAllowedTargets('127.0.0.1');
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
})();
const send = (request: Partial<HttpRequest>, gate: Partial<HttpGate> = {}, signal = AbortSignal.timeout(5_000)) =>
  sendRequest(
    { url: `http://127.0.0.1:${port}/`, method: 'GET', headers: {}, maxBytes: 1_000, ...request },
    { allowed: local, ...gate },
    signal,
  );
const refused = expect.objectContaining({ code: 'permission_denied' });

test('a request to an allowed address is sent as it is, and its answer comes back', async () => {
  answer = (_request, response) => void response.writeHead(201, { 'x-a': ['1', '2'] }).end('made');
  const got = await send({ method: 'POST', headers: { 'x-b': 'c' }, body: 'text' });
  expect(got).toMatchObject({ status: 201, headers: { 'x-a': '1, 2' } });
  expect(Buffer.from(got.body).toString()).toBe('made');
  expect(seen).toMatchObject([{ method: 'POST', body: 'text', headers: { 'x-b': 'c' } }]);
});

test.each([
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  'localhost',
  '0.0.0.0',
  '[::]',
])('nothing is sent to %s unless it is allowed', async (host) => {
  await expect(send({ url: `http://${host}:${port}/` }, { allowed: publicOnly })).rejects.toThrow(refused);
  expect(seen).toEqual([]);
});

test.each([
  ['a private one', ['10.0.0.1']],
  ['metadata of a cloud', ['169.254.169.254']],
  ['a public and a private one', ['93.184.216.34', '127.0.0.1']],
  ['a mapped one', ['::ffff:127.0.0.1']],
  ['a translated one', ['64:ff9b::7f00:1']],
])('a name whose addresses are %s is refused', async (_what, addresses) => {
  const resolve = resolver({ 'evil.example': [addresses] });
  await expect(send({ url: `http://evil.example:${port}/` }, { allowed: publicOnly, resolve })).rejects.toThrow(
    refused,
  );
  expect(seen).toEqual([]);
});

test('a name that changes between the check and the connection gains nothing: it is asked once, and what was checked is connected', async () => {
  const resolve = resolver({ 'rebind.example': [['127.0.0.1'], ['10.9.9.9']] });
  await send({ url: `http://rebind.example:${port}/` }, { resolve });
  expect(resolve.asked).toEqual(['rebind.example']);
  expect(seen).toMatchObject([{ host: `rebind.example:${port}` }]);
  // Its second answer is judged anew.
  await expect(send({ url: `http://rebind.example:${port}/` }, { resolve })).rejects.toThrow(refused);
});

test('a redirect is checked like a request: to an address, by a name, to another scheme', async () => {
  const resolve = resolver({ 'evil.example': [['10.0.0.1']] });
  for (const location of [
    'http://10.0.0.1/',
    'http://evil.example/',
    'http://169.254.169.254/latest',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
  ]) {
    answer = (_request, response) => void response.writeHead(302, { location }).end();
    await expect(send({}, { resolve }), location).rejects.toThrow(refused);
  }
});

test('credentials go to the origin that they were meant for and to no other', async () => {
  const resolve = resolver({ 'a.example': [['127.0.0.1']], 'b.example': [['127.0.0.1']] });
  answer = ({ path }, response) => {
    if (path === '/same') response.writeHead(302, { location: '/here' }).end();
    else if (path === '/other') response.writeHead(302, { location: `http://b.example:${port}/there` }).end();
    else response.end();
  };
  const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k', accept: 'text/plain' };
  await send({ url: `http://a.example:${port}/same`, headers }, { resolve });
  expect(seen.at(-1)).toMatchObject({
    path: '/here',
    headers: { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k' },
  });
  await send({ url: `http://a.example:${port}/other`, headers }, { resolve });
  const there = seen.at(-1);
  expect(there).toMatchObject({ path: '/there', host: `b.example:${port}`, headers: { accept: 'text/plain' } });
  for (const name of ['authorization', 'cookie', 'x-api-key']) expect(there?.headers, name).not.toHaveProperty(name);
});

test('a body is not carried to another origin, and a POST that is sent elsewhere becomes a GET', async () => {
  const resolve = resolver({ 'a.example': [['127.0.0.1']], 'b.example': [['127.0.0.1']] });
  let status = 307;
  answer = ({ path }, response) => {
    if (path === '/') response.writeHead(status, { location: `http://b.example:${port}/there` }).end();
    else response.end();
  };
  const post = {
    url: `http://a.example:${port}/`,
    method: 'POST',
    body: 'secret',
    headers: { 'content-type': 'text/plain', 'content-length': '6' },
  };
  await expect(send(post, { resolve })).rejects.toThrow(refused);
  status = 303;
  await send(post, { resolve });
  expect(seen.at(-1)).toMatchObject({ method: 'GET', path: '/there', body: '' });
});

test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://user:pass@127.0.0.1/', 'javascript:1'])(
  '%s is not requested',
  async (url) => {
    await expect(send({ url })).rejects.toThrow(refused);
  },
);

test('what is not a URL, a loop, an endless answer and a silent server each have their error', async () => {
  await expect(send({ url: 'nothing' })).rejects.toMatchObject({ code: 'invalid_argument' });
  answer = (_request, response) => void response.writeHead(302, { location: '/' }).end();
  await expect(send({})).rejects.toMatchObject({ code: 'unavailable' });
  expect(seen).toHaveLength(6);
  answer = (_request, response) => void response.end('x'.repeat(1_001));
  await expect(send({})).rejects.toMatchObject({ code: 'too_large', details: { limit: 1_000 } });
  const late = new AbortController();
  answer = () => late.abort(new Error('late'));
  await expect(send({}, {}, late.signal)).rejects.toThrow('late');
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('half');
    setImmediate(() => response.destroy());
  };
  await expect(send({})).rejects.toMatchObject({ code: 'unavailable' });
});
