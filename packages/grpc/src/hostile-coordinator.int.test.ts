import http2 from 'node:http2';
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
