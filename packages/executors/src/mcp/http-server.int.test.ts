import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer as SdkServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { DomainError, type JsonValue, type McpServer } from '@skein/domain';
import type { ToolServer } from '@skein/ports';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createToolServers, type ToolServersDeps } from './create-tool-servers.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let http: Server;
let handler: Handler;
let requests: { method: string; headers: IncomingMessage['headers']; body: string }[];
let open: ToolServer[];

beforeEach(async () => {
  requests = [];
  open = [];
  http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? '', headers: request.headers, body });
      handler(request, response, body);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  for (const server of open) await server.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

const address = () => `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;

const definition = (changes: Partial<McpServer> = {}): McpServer => ({
  transport: { kind: 'http', url: address(), headers: { authorization: 'Bearer ${secrets.TOKEN}' } },
  secrets: ['TOKEN'],
  startTimeoutMs: 5_000,
  callTimeoutMs: 5_000,
  maxResultBytes: 10_000,
  ...changes,
});

const never = new AbortController().signal;

const start = async (changes: Partial<McpServer> = {}, deps: Partial<ToolServersDeps> = {}): Promise<ToolServer> => {
  const servers = createToolServers({ path: '', ...deps });
  const context = {
    root: '/nowhere',
    readSecret: async () => 'the-value',
    redact: (value: JsonValue) => value,
    log: () => undefined,
  };
  const server = await servers.open('web', definition(changes), context, never);
  open.push(server);
  return server;
};

const json = (response: ServerResponse, value: unknown, headers: { [name: string]: string } = {}) =>
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));

/** Shakes hands and lists one tool; calls are the test's. */
const speaking =
  (onCall: (id: number, response: ServerResponse) => void): Handler =>
  (_request, response, body) => {
    if (body === '') return response.writeHead(200).end();
    const { id, method, params } = JSON.parse(body) as {
      id: number;
      method: string;
      params: { protocolVersion: string };
    };
    if (method === 'initialize') {
      const serverInfo = { name: 'x', version: '1' };
      const result = { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
      return json(response, { jsonrpc: '2.0', id, result }, { 'mcp-session-id': 'session-1' });
    }
    if (method === 'tools/list') {
      const tools = [{ name: 'go', inputSchema: { type: 'object' } }];
      return json(response, { jsonrpc: '2.0', id, result: { tools } });
    }
    if (method === 'tools/call') return onCall(id, response);
    return response.writeHead(202).end();
  };

const answer = (id: number, text: string) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });

test("the SDK's own server is understood, over events and over JSON", async () => {
  for (const enableJsonResponse of [false, true]) {
    handler = (request, response, body) => {
      const server = new SdkServer({ name: 'real', version: '1' });
      const inputSchema = { a: z.number(), b: z.number() };
      server.registerTool('add', { description: 'Adds.', inputSchema }, ({ a, b }) => ({
        content: [{ type: 'text', text: String(a + b) }],
      }));
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse });
      void server
        .connect(transport as Parameters<typeof server.connect>[0])
        .then(() => transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body)));
    };
    const server = await start();
    expect(server.tools.map((tool) => tool.name)).toEqual(['add']);
    expect(await server.call('add', { a: 2, b: 3 }, never)).toMatchObject({ output: '5', isError: false });
    expect(await server.call('add', { a: 'x' }, never)).toMatchObject({ isError: true });
  }
});

test('headers hold the secrets, session and version go along, and the session is ended', async () => {
  handler = speaking((id, response) => json(response, answer(id, 'ok')));
  const server = await start();
  expect((await server.call('go', {}, never)).output).toBe('ok');
  await server.close();
  const last = requests.slice(-2);
  expect(last.map((request) => request.method)).toEqual(['POST', 'DELETE']);
  for (const { headers } of last) {
    expect(headers).toMatchObject({
      authorization: 'Bearer the-value',
      'mcp-session-id': 'session-1',
      'mcp-protocol-version': '2025-11-25',
    });
  }
});

test('events with comments, other types and data of several lines are read', async () => {
  handler = speaking((id, response) => {
    const [first, second] = JSON.stringify(answer(id, 'in parts')).split(',"result"');
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(': ping\n\nevent: other\ndata: {}\n\nevent: message\r\nid: 7\r\ndata: ');
    response.end(`${first}\r\ndata: ,"result"${second}\r\n\r\n`);
  });
  expect((await (await start()).call('go', {}, never)).output).toBe('in parts');
});

describe('a call', () => {
  const events = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' });
  const flood = (response: ServerResponse, text: string) => {
    const more = () => {
      while (!response.destroyed && response.write(text)) continue;
    };
    response.on('drain', more);
    more();
  };

  test.each<[string, (id: number, response: ServerResponse) => void, string, RegExp]>([
    [
      'an HTTP error, whose body is not told',
      (_id, r) => r.writeHead(500).end('IGNORE ALL'),
      'unavailable',
      /^tool server web: the server answered HTTP 500$/,
    ],
    ['a cut connection', (_id, r) => r.destroy(), 'unavailable', /reached|broke off/],
    ['a stream that is cut', (_id, r) => events(r).write('data: {"jso', () => r.destroy()), 'unavailable', /broke off/],
    ['a stream without a result', (_id, r) => events(r).end(': nothing\n\n'), 'unavailable', /without a result/],
    [
      'garbage',
      (_id, r) => r.writeHead(200, { 'content-type': 'application/json' }).end('<html>'),
      'unavailable',
      /without a result/,
    ],
    [
      'another type',
      (_id, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      'unavailable',
      /something else/,
    ],
    ['compression', (_id, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 'unavailable', /compressed/],
    [
      'JSON without end',
      (_id, r) => flood(r.writeHead(200, { 'content-type': 'application/json' }), 'x'.repeat(65_536)),
      'too_large',
      /4194304 bytes/,
    ],
    [
      'an event without end',
      (_id, r) => flood(events(r), `data: ${'x'.repeat(65_536)}\n`),
      'too_large',
      /4194304 bytes/,
    ],
    [
      'comments without end',
      (_id, r) => flood(events(r), `: ${'x'.repeat(65_536)}\n\n`),
      'too_large',
      /for one request/,
    ],
    ['silence', () => undefined, 'deadline_exceeded', /no answer within 300 ms/],
  ])('that meets %s is a typed error', async (_name, onCall, code, message) => {
    handler = speaking(onCall);
    const server = await start({ callTimeoutMs: code === 'deadline_exceeded' ? 300 : 10_000 });
    await expect(server.call('go', {}, never)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('that is given up leaves no connection open', async () => {
    let closed = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    handler = speaking((_id, response) => void response.on('close', closed));
    const server = await start({ callTimeoutMs: 300 });
    await expect(server.call('go', {}, never)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await gone;
  });

  test('that is aborted ends with the reason of the abort', async () => {
    const controller = new AbortController();
    handler = speaking(() => controller.abort(new DomainError('cancelled', 'run cancelled')));
    const server = await start();
    await expect(server.call('go', {}, controller.signal)).rejects.toMatchObject({ message: 'run cancelled' });
  });
});

describe('a start', () => {
  test.each<[string, Handler, string]>([
    ['an HTTP error', (_request, response) => void response.writeHead(401).end(), 'unavailable'],
    ['silence', () => undefined, 'deadline_exceeded'],
    ['a cut connection', (_request, response) => void response.destroy(), 'unavailable'],
    ['garbage', (_request, response) => void json(response, { hello: 1 }), 'unavailable'],
  ])('that meets %s is a typed error', async (_name, onRequest, code) => {
    handler = onRequest;
    await expect(start({ startTimeoutMs: code === 'unavailable' ? 5_000 : 300 })).rejects.toMatchObject({ code });
  });

  test('at an address where nobody listens is unavailable', async () => {
    const transport = { kind: 'http', url: 'http://127.0.0.1:1/', headers: {} } as const;
    await expect(start({ transport })).rejects.toMatchObject({ code: 'unavailable' });
  });

  test.each(['ftp://x/', 'nothing', 'file:///etc/passwd'])('at %s is unavailable', async (url) => {
    await expect(start({ transport: { kind: 'http', url, headers: {} } })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('a redirect', () => {
  test('to another origin is refused, and no header goes there', async () => {
    let strangers = 0;
    const other = createServer((_request, response) => {
      strangers += 1;
      response.end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    handler = (_request, response) => void response.writeHead(307, { location: `http://127.0.0.1:${port}/mcp` }).end();
    await expect(start()).rejects.toMatchObject({ code: 'permission_denied' });
    expect(strangers).toBe(0);
    await new Promise((resolve) => other.close(resolve));
  });

  test('within the origin is followed, but not for ever', async () => {
    const speak = speaking((id, response) => json(response, answer(id, 'moved')));
    handler = (request, response, body) =>
      request.url === '/mcp'
        ? void response.writeHead(308, { location: '/new' }).end()
        : speak(request, response, body);
    expect((await (await start()).call('go', {}, never)).output).toBe('moved');
    handler = (_request, response) => void response.writeHead(307, { location: '/mcp' }).end();
    await expect(start()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

test('a server that asks without end does not take all connections of the worker', async () => {
  let held = 0;
  let most = 0;
  let finish: () => void = () => undefined;
  const waiting: ServerResponse[] = [];
  const speak = speaking((id, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let ping = 0; ping < 300; ping += 1)
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: `p${ping}`, method: 'ping' })}\n\n`);
    finish = () => void response.end(`data: ${JSON.stringify(answer(id, 'ok'))}\n\n`);
  });
  handler = (request, response, body) => {
    if (!body.includes('"id":"p')) return speak(request, response, body);
    held += 1;
    most = Math.max(most, held);
    // Those that would come after it get their time.
    if (held === 10) setTimeout(finish, 200);
    waiting.push(response);
    return undefined;
  };
  const server = await start();
  expect((await server.call('go', {}, never)).output).toBe('ok');
  expect(most).toBeLessThan(20);
  for (const response of waiting) response.destroy();
});

describe('link-local and metadata addresses', () => {
  test.each([
    'http://169.254.169.254/latest',
    'http://0xA9FEA9FE/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:0:169.254.169.254]/',
    'http://2852039166/',
    'http://168.63.129.16/',
    'http://192.0.0.192/',
    'http://metadata.google.internal/',
    'http://METADATA.google.internal./',
  ])('%s is never connected to', async (url) => {
    const transport = { kind: 'http', url, headers: {} } as const;
    await expect(start({ transport })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  test('are refused also behind a name that resolves to one of them beside a good one', async () => {
    const resolve: ToolServersDeps['resolve'] = (_hostname, answerWith) =>
      answerWith(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ]);
    handler = speaking(() => undefined);
    const url = address().replace('127.0.0.1', 'tools.example.com');
    const transport = { kind: 'http', url, headers: {} } as const;
    await expect(start({ transport }, { resolve })).rejects.toMatchObject({ code: 'permission_denied' });
    expect(requests).toEqual([]);
  });

  test('are the only ones: a name that resolves elsewhere is connected to', async () => {
    const resolve: ToolServersDeps['resolve'] = (_hostname, answerWith) =>
      answerWith(null, [{ address: '127.0.0.1', family: 4 }]);
    handler = speaking((id, response) => json(response, answer(id, 'ok')));
    const url = address().replace('127.0.0.1', 'tools.example.com');
    const server = await start({ transport: { kind: 'http', url, headers: {} } }, { resolve });
    expect((await server.call('go', {}, never)).output).toBe('ok');
  });
});
