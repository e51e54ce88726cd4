import http2 from 'node:http2';
import { inspect } from 'node:util';
import { sampleBytes, sampleDigest, sampleHello, sampleTask } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import { joinFrame } from './wire/frame.ts';
import { messageType } from './worker-protocol.ts';

/** What a worker makes of a coordinator that answers nonsense. */

const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };

const grpcFrame = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

let server: http2.Http2Server;
let reply: (stream: http2.ServerHttp2Stream) => void;
let gateway: ReturnType<typeof createGrpcGateway>;

beforeEach(async () => {
  server = http2.createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    reply(stream);
  });
  server.on('sessionError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { readonly port: number };
  gateway = createGrpcGateway({ address: `127.0.0.1:${address.port}`, limits: { closeTimeoutMs: 300 } });
});
afterEach(() => {
  gateway.close();
  server.close();
});

const endOf = (): Promise<{ readonly code?: string } | undefined> =>
  new Promise((resolve) => {
    gateway.openWorkerStream({ token: 't' }, { onMessage: () => undefined, onClosed: resolve }).send(sampleHello());
  });
const respond = (body: Buffer) => (stream: http2.ServerHttp2Stream) => {
  stream.respond({ 'content-type': 'application/grpc', ':status': 200 });
  stream.write(body);
};

test('ends its stream with a typed error for garbage, bad offers and frames too large', async () => {
  const coordinatorMessage = messageType<object, object>('CoordinatorMessage');
  const offer = {
    task,
    tenant: 't',
    dagName: 'd',
    stepId: 'a',
    definitionJson: '{"id":"a"}',
    leaseMs: 1,
  };
  reply = respond(grpcFrame(Buffer.from(sampleBytes(300))));
  expect((await endOf())?.code).toBe('invalid_argument');
  reply = respond(grpcFrame(joinFrame([coordinatorMessage.serialize({ offer })])));
  expect((await endOf())?.code).toBe('invalid_argument');
  reply = respond(grpcFrame(Buffer.alloc(3_000_000)));
  expect((await endOf())?.code).toBe('too_large');
  reply = (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  expect((await endOf())?.code).toBe('unavailable');
  reply = (stream) => stream.respond({ ':status': 404 }, { endStream: true });
  expect((await endOf())?.code).toBe('unimplemented');
});

test('rejects transfers with a typed error, and holds no more than the limit', async () => {
  const chunk = messageType<object, object>('FetchBlobResponse').serialize({ chunk: Buffer.alloc(60_000) });
  const endless = createGrpcGateway({
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    limits: { maxTransferBytes: 500_000 },
  });
  const fetch = () => endless.fetchBlob({ token: 't' }, 'ses_1', sampleTask(), sampleDigest(1));
  reply = respond(Buffer.concat(Array.from({ length: 20 }, () => grpcFrame(chunk))));
  await expect(fetch()).rejects.toMatchObject({ code: 'too_large' });
  reply = respond(grpcFrame(Buffer.from([0x0a, 0xff])));
  await expect(fetch()).rejects.toMatchObject({ code: 'invalid_argument' });
  reply = (stream) =>
    stream.respond(
      { 'grpc-status': '5', 'skein-error-bin': '!!!', 'content-type': 'application/grpc' },
      { endStream: true },
    );
  await expect(fetch()).rejects.toMatchObject({ code: 'not_found' });
  endless.close();
});

test('takes no more of a snapshot than an envelope may have, long before it would of a blob', async () => {
  const chunk = messageType<object, object>('FetchSnapshotResponse').serialize({ chunk: Buffer.alloc(60_000) });
  const small = createGrpcGateway({
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    limits: { maxPartBytes: 100_000 },
  });
  reply = respond(Buffer.concat(Array.from({ length: 20 }, () => grpcFrame(chunk))));
  const request = { task: sampleTask(), digest: sampleDigest(1), held: [] };
  await expect(small.fetchSnapshot({ token: 't' }, 'ses_1', request)).rejects.toMatchObject({
    code: 'too_large',
    details: { limit: 100_000, actual: 120_000 },
  });
  small.close();
});

test('takes no more of a part than was announced, keeps what came, and says what was wrong', async () => {
  const message = messageType<object, object>('FetchPartResponse');
  const total = (totalBytes: number) => grpcFrame(message.serialize({ totalBytes }));
  const chunk = (bytes: number) => grpcFrame(message.serialize({ chunk: Buffer.alloc(bytes, 1) }));
  const end =
    (...frames: Buffer[]) =>
    (stream: http2.ServerHttp2Stream) => {
      stream.respond({ 'content-type': 'application/grpc', ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat(frames));
    };
  const small = createGrpcGateway({
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    limits: { maxPartBytes: 100_000 },
  });
  let came = 0;
  const fetch = async (offset = 0): Promise<number> => {
    came = 0;
    const request = { task: sampleTask(), digest: sampleDigest(1), part: sampleDigest(2), offset };
    return small.fetchPart({ token: 't' }, 'ses_1', request, (bytes) => {
      came += bytes.length;
    });
  };

  reply = respond(total(100_001));
  await expect(fetch()).rejects.toMatchObject({ code: 'too_large', details: { limit: 100_000, actual: 100_001 } });
  reply = respond(chunk(10));
  await expect(fetch()).rejects.toMatchObject({ code: 'invalid_argument' });
  reply = respond(Buffer.concat([total(20), total(20)]));
  await expect(fetch()).rejects.toMatchObject({ code: 'invalid_argument' });
  reply = respond(Buffer.concat([total(20), chunk(15), chunk(6)]));
  await expect(fetch()).rejects.toMatchObject({ code: 'invalid_argument' });
  expect(came).toBe(15);
  reply = end(total(20), chunk(15));
  await expect(fetch()).rejects.toMatchObject({ code: 'unavailable' });
  expect(came).toBe(15);
  reply = end(total(20), chunk(15));
  expect(await fetch(5)).toBe(20);
  reply = end();
  await expect(fetch()).rejects.toMatchObject({ code: 'unavailable' });
  reply = respond(grpcFrame(Buffer.from([0x12, 0xff])));
  await expect(fetch()).rejects.toMatchObject({ code: 'invalid_argument' });
  small.close();
});

test('refuses a secret over the limit and an answer that is none, and quotes neither', async () => {
  const message = messageType<object, object>('ReadSecretResponse');
  const answer = (body: Buffer) => (stream: http2.ServerHttp2Stream) => {
    stream.respond({ 'content-type': 'application/grpc', ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(grpcFrame(body));
  };
  const read = async (): Promise<unknown> =>
    gateway.readSecret({ token: 't' }, 'ses_1', sampleTask(), 'KEY').catch((error: unknown) => error);
  const canary = 'canary-9be2';
  reply = answer(message.serialize({ value: canary.repeat(7_000) }));
  expect(await read()).toMatchObject({ code: 'too_large' });
  expect(inspect(await read(), { depth: null })).not.toContain(canary);
  reply = answer(Buffer.concat([Buffer.from([0x12, 0xff]), Buffer.from(canary)]));
  expect(await read()).toMatchObject({ code: 'invalid_argument' });
  expect(inspect(await read(), { depth: null })).not.toContain(canary);
});
