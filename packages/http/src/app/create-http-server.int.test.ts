import { request as nodeRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { apiToken } from '../../test/fake-coordinator.ts';
import { startApi } from '../../test/start-api.ts';
import type { HttpLimits } from './http-deps.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const listen = async (limits: Partial<HttpLimits> = {}) => {
  const api = startApi(limits);
  const { url, port } = await api.server.listen('127.0.0.1', 0);
  closers.push(() => api.server.close());
  const headers = { authorization: `Bearer ${apiToken}` };
  const get = (path: string, more: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${url}${path}`, { headers: { ...headers, ...more }, ...(signal === undefined ? {} : { signal }) });
  return { ...api, url, port, headers, get };
};

/** Reads a stream until the text so far satisfies the condition. */
const readUntil = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: (text: string) => boolean) => {
  const decoder = new TextDecoder();
  let text = '';
  while (!wanted(text)) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  return text;
};

const eventually = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

test('streams events with their ids, live, and ends after the last one', async () => {
  const { coordinator, send, get } = await listen();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const response = await get('/api/runs/run_1/events');
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  expect(await readUntil(reader, (text) => text.includes('\n\n'))).toMatch(
    /^id: 1\nevent: run_submitted\ndata: \{"seq":1,/,
  );
  coordinator.emit('run_1', 'run_admitted');
  expect(await readUntil(reader, (text) => text.includes('\n\n'))).toContain('id: 2\n');
  coordinator.finish('run_1');
  expect(await readUntil(reader, () => false)).toContain('event: run_finished');
  await eventually(() => coordinator.watching === 0);
});

test('resumes after the id that the caller saw last', async () => {
  const { coordinator, send, get } = await listen();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  coordinator.emit('run_1', 'run_admitted');
  coordinator.finish('run_1');
  const byHeader = await (await get('/api/runs/run_1/events', { 'last-event-id': '2' })).text();
  const byQuery = await (await get('/api/runs/run_1/events?after=1')).text();
  expect(byHeader.match(/^id: .*$/gm)).toEqual(['id: 3']);
  expect(byQuery.match(/^id: .*$/gm)).toEqual(['id: 2', 'id: 3']);
  expect((await get('/api/runs/run_1/events', { 'last-event-id': 'x' })).status).toBe(400);
  expect((await get('/api/runs/run_9/events')).status).toBe(404);
});

test('sends comments while nothing happens', async () => {
  const { send, get } = await listen({ heartbeatMs: 5 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const abort = new AbortController();
  const response = await get('/api/runs/run_1/events?after=1', {}, abort.signal);
  const text = await readUntil((response.body as ReadableStream<Uint8Array>).getReader(), (seen) => seen.length > 30);
  abort.abort();
  expect(text).toMatch(/^(: still here\n\n)+$/);
});

test('a reader that leaves is no longer watched for', async () => {
  const { coordinator, send, get } = await listen();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const abort = new AbortController();
  await get('/api/runs/run_1/events', {}, abort.signal);
  await eventually(() => coordinator.watching === 1);
  abort.abort();
  await eventually(() => coordinator.watching === 0);
});

test('a reader that does not read holds back neither the source nor other readers [crash 30]', async () => {
  const { coordinator, send, get, port } = await listen();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const stuck: Socket = connect(port, '127.0.0.1');
  closers.push(() => void stuck.destroy());
  stuck.pause();
  stuck.write(`GET /api/runs/run_1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiToken}\r\n\r\n`);
  await eventually(() => coordinator.watching === 1);
  const large = 'x'.repeat(20_000);
  for (let count = 0; count < 1_000; count += 1) coordinator.emit('run_1', 'noise', { large });
  coordinator.finish('run_1');
  const seen = await (await get('/api/runs/run_1/events')).text();
  expect(seen.match(/^id: /gm)).toHaveLength(1_002);
  // The stuck reader's stream is not over: what it has not taken was not produced for it.
  expect(coordinator.watching).toBe(1);
});

test('at most so many streams are open at once; one that ends makes place for the next', async () => {
  const { coordinator, send, get } = await listen({ maxStreams: 2 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const leave = new AbortController();
  await get('/api/runs/run_1/events', {}, leave.signal);
  await get('/api/runs/run_1/steps/a/log?follow=true');
  const refused = await get('/api/runs/run_1/events');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ code: 'resource_exhausted' });
  expect((await get('/api/runs/run_1')).status).toBe(200);
  leave.abort();
  await eventually(() => coordinator.watching === 0);
  expect((await get('/api/runs/run_1/events')).status).toBe(200);
});

test('a HEAD of a stream opens none', async () => {
  const { send, url, headers, get, coordinator } = await listen({ maxStreams: 1 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  for (const path of ['events', 'events', 'steps/a/log?follow=true']) {
    const response = await fetch(`${url}/api/runs/run_1/${path}`, { method: 'HEAD', headers });
    expect([response.status, await response.text()]).toEqual([200, '']);
  }
  expect(coordinator.watching).toBe(0);
  expect((await get('/api/runs/run_1/events')).status).toBe(200);
});

test('a stream whose reader takes nothing any more is ended and its place is free', async () => {
  const { coordinator, send, get, port } = await listen({ maxStreams: 1, stallMs: 50 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const stuck: Socket = connect(port, '127.0.0.1');
  closers.push(() => void stuck.destroy());
  stuck.pause();
  stuck.write(`GET /api/runs/run_1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiToken}\r\n\r\n`);
  await eventually(() => coordinator.watching === 1);
  const large = 'x'.repeat(20_000);
  for (let count = 0; count < 1_000; count += 1) coordinator.emit('run_1', 'noise', { large });
  await eventually(() => coordinator.watching === 0);
  expect((await get('/api/runs/run_1/events?after=1001')).status).toBe(200);
});

test('a reader that waits for news is not taken for one that stalls', async () => {
  const { coordinator, send, get, port } = await listen({ stallMs: 20 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const whole = (await get('/api/runs/run_1/events')).text();
  await eventually(() => coordinator.watching === 1);
  // A reader that does stall, and began later, tells when the time of the first is over.
  const stuck: Socket = connect(port, '127.0.0.1');
  closers.push(() => void stuck.destroy());
  stuck.pause();
  stuck.write(`GET /api/runs/run_2/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiToken}\r\n\r\n`);
  await eventually(() => coordinator.watching === 2);
  const large = 'x'.repeat(20_000);
  for (let count = 0; count < 1_000; count += 1) coordinator.emit('run_2', 'noise', { large });
  await eventually(() => coordinator.watching === 1);
  coordinator.finish('run_1');
  expect(await whole).toContain('event: run_finished');
});

test('at most so many calls wait at once; one that leaves makes place, and a refused one starts no run', async () => {
  const { coordinator, send, get } = await listen({ maxWaits: 1 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const leave = new AbortController();
  const left = get('/api/runs/run_1?waitMs=60000', {}, leave.signal).catch(() => 'left');
  await eventually(() => coordinator.waiting === 1);
  expect((await send('GET', '/api/runs/run_1?waitMs=1')).status).toBe(429);
  expect((await send('POST', '/api/runs?waitMs=1', { body: { dag: 'hello' } })).status).toBe(429);
  expect(coordinator.runs.size).toBe(1);
  expect((await get('/api/runs/run_1?waitMs=0')).status).toBe(200);
  leave.abort();
  expect(await left).toBe('left');
  await eventually(() => coordinator.waiting === 0);
  coordinator.finish('run_1');
  expect((await get('/api/runs/run_1?waitMs=60000')).status).toBe(200);
});

test('further connections than the limit are closed, and a body without end costs its sender the connection', async () => {
  const { port, get } = await listen({ maxConnections: 2 });
  const open = () => {
    const socket = connect(port, '127.0.0.1');
    closers.push(() => void socket.destroy());
    return {
      socket,
      gone: new Promise<void>((resolve) => socket.on('error', () => undefined).once('close', () => resolve())),
    };
  };
  const endless = open();
  endless.socket.resume();
  endless.socket.write('POST /api/runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  const pump = setInterval(() => {
    if (endless.socket.writableNeedDrain === false) endless.socket.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
  }, 1);
  closers.push(() => clearInterval(pump));
  const other = open();
  await new Promise((resolve) => other.socket.once('connect', resolve));
  await open().gone;
  await endless.gone;
  other.socket.destroy();
  expect((await get('/healthz')).status).toBe(200);
});

test('follows a log to its end', async () => {
  const { coordinator, send, get } = await listen({ logPollMs: 1 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  coordinator.log.bytes = Buffer.from('one\n');
  const response = await get('/api/runs/run_1/steps/a/log?follow=true');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  expect(await readUntil(reader, (text) => text === 'one\n')).toBe('one\n');
  coordinator.log.bytes = Buffer.from('one\ntwo\n');
  expect(await readUntil(reader, (text) => text.endsWith('\n'))).toBe('two\n');
  coordinator.log.complete = true;
  expect(await readUntil(reader, () => false)).toBe('');
  const page = await get('/api/runs/run_1/steps/a/log?offset=4&limit=2');
  expect([await page.text(), page.headers.get('skein-log-next')]).toEqual(['tw', '6']);
});

test('ends open streams and frees the port when it stops', async () => {
  const { server, send, get, url } = await listen();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const response = await get('/api/runs/run_1/events');
  const whole = response.text();
  await server.close();
  await server.close();
  expect(await whole).toContain('id: 1');
  await expect(fetch(url)).rejects.toThrow();
});

test('a body just over its limit is refused and the connection goes on', async () => {
  const { port } = await listen();
  const socket = connect(port, '127.0.0.1');
  closers.push(() => void socket.destroy());
  let seen = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  const head = `Host: x\r\nAuthorization: Bearer ${apiToken}\r\nContent-Type: application/json\r\n`;
  const body = JSON.stringify({ dag: 'hello', params: { text: 'x'.repeat(400 * 1024) } });
  socket.write(`POST /api/runs HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  socket.write(`POST /api/runs HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`);
  socket.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(seen.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('a body that is announced as too large is refused before a byte of it comes', async () => {
  const { port } = await listen();
  const socket = connect(port, '127.0.0.1');
  closers.push(() => void socket.destroy());
  const head = `Host: x\r\nAuthorization: Bearer ${apiToken}\r\nContent-Type: application/json\r\n`;
  socket.write(`POST /api/runs HTTP/1.1\r\n${head}Content-Length: 1000000\r\n\r\n`);
  const answer = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
  expect(answer).toMatch(/^HTTP\/1\.1 413/);
});

test('a body of 100 MB is answered before it is sent, is not kept, and leaves the server well', async () => {
  const { port, get } = await listen();
  const before = process.memoryUsage().rss;
  const total = 100 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024, 0x20);
  let sent = 0;
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = nodeRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/api/runs',
      headers: {
        authorization: `Bearer ${apiToken}`,
        'content-type': 'application/json',
        'transfer-encoding': 'chunked',
      },
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
      request.destroy();
    });
    request.on('error', reject);
    const pump = () => {
      while (sent < total && !request.destroyed) {
        sent += piece.length;
        if (!request.write(piece)) {
          request.once('drain', pump);
          return;
        }
      }
    };
    pump();
  });
  expect(status).toBe(413);
  expect(sent).toBeLessThan(total);
  expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024);
  expect((await get('/healthz')).status).toBe(200);
});

test.each(['GET http://[bad HTTP/1.1', 'GET //evil HTTP/1.1', 'GARBAGE', 'GET / HTTP/9.9'])(
  'the request line %j harms nobody',
  async (line) => {
    const { port, get } = await listen();
    const socket = connect(port, '127.0.0.1');
    closers.push(() => void socket.destroy());
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.end(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d/);
    expect((await get('/healthz')).status).toBe(200);
  },
);

test('says why it cannot bind', async () => {
  const { port } = await listen();
  await expect(startApi().server.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'unavailable' });
});
