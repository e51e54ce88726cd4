import http from 'node:http';
import http2 from 'node:http2';
import { connect } from 'node:net';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import {
  createMemoryLog,
  createNodeHasher,
  patientLimits,
  ScriptedCoordinator,
  sampleBytes,
  sampleHello,
  sampleTask,
  scriptedToken,
} from '@skein/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostileCheckpoints } from '../test/hostile-checkpoints.ts';
import { frameOf, grpcFrame, helloOnWire } from '../test/raw-frames.ts';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import type { GrpcLimits } from './limits.ts';
import { type ServedGateway, serveGateway } from './serve-gateway.ts';
import { joinFrame } from './wire/frame.ts';
import { messageType } from './worker-protocol.ts';

/** Every case does harm to the port, and is followed by a healthy exchange on it. */

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 5 };
const service = '/skein.worker.v1.WorkerService';
const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };

let coordinator: ScriptedCoordinator;
let served: ServedGateway;
/** Does not wait long for who says nothing. */
let impatient: ServedGateway;
const log = createMemoryLog();

const serve = (limits: Partial<GrpcLimits>): Promise<ServedGateway> =>
  serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter, limits });

beforeAll(async () => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  served = await serve({ ...patientLimits, maxTransferBytes: 300_000, closeTimeoutMs: 300 });
  impatient = await serve({ helloTimeoutMs: 400 });
});
afterAll(() => Promise.all([served.close(0), impatient.close(0)]));

const portOf = ({ address }: ServedGateway): number => Number(address.split(':')[1]);

/** A worker joins, a blob goes round: all is well. */
const healthy = async (): Promise<void> => {
  const gateway = createGrpcGateway({ address: served.address, limits: patientLimits });
  const before = coordinator.streams.length;
  let ended = 0;
  const link = gateway.openWorkerStream(
    { token: scriptedToken },
    { onMessage: () => undefined, onClosed: () => void ended++ },
  );
  link.send(sampleHello());
  await expect.poll(() => coordinator.streams[before]?.received.length, patience).toBe(1);
  const digest = await gateway.storeBlob({ token: scriptedToken }, 'ses_1', sampleTask(), sampleBytes(100));
  await gateway.fetchBlob({ token: scriptedToken }, 'ses_1', sampleTask(), digest);
  link.close();
  await expect.poll(() => ended, patience).toBe(1);
  gateway.close();
};

interface Answer {
  readonly status: number | undefined;
  readonly error: { readonly code?: string } | undefined;
}

/** Sends raw bytes as the body of a call; answers the status and our error in the trailers. */
const callRaw = (
  method: string,
  body: Buffer,
  options: { readonly headers?: http2.OutgoingHttpHeaders; readonly end?: boolean; readonly to?: ServedGateway } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const session = http2.connect(`http://${(options.to ?? served).address}`);
    session.on('error', reject);
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': `${service}/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${scriptedToken}`,
        ...options.headers,
      },
      { endStream: false },
    );
    let answer: Answer = { status: undefined, error: undefined };
    const take = (headers: http2.IncomingHttpHeaders): void => {
      if (headers['grpc-status'] === undefined) return;
      const trailer = headers['skein-error-bin'];
      const text = typeof trailer === 'string' ? Buffer.from(trailer, 'base64').toString() : 'null';
      answer = { status: Number(headers['grpc-status']), error: JSON.parse(text) ?? undefined };
    };
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('error', () => undefined);
    const finish = (): void => {
      session.destroy();
      resolve(answer);
    };
    stream.on('end', finish);
    stream.on('close', finish);
    stream.resume();
    stream.write(body);
    if (options.end ?? true) stream.end();
  });

const refused = { status: 3, error: { code: 'invalid_argument' } };
const deep = `{"stdout":{"inline":${'['.repeat(3000)}${']'.repeat(3000)}}}`;

const frames: readonly (readonly [string, () => Buffer])[] = [
  ['bytes that are no message', () => grpcFrame(sampleBytes(500) as Buffer)],
  ['a length that promises more than there is', () => grpcFrame(Buffer.from([0x0a, 0xff, 0xff, 0x7f, 1, 2, 3]))],
  ['a truncated varint', () => grpcFrame(Buffer.from([0x0a, 0x80, 0x80]))],
  ['a hundred thousand nested groups', () => grpcFrame(Buffer.alloc(100_000, 0x0b))],
  [
    'a checkpoint before hello',
    () => frameOf({ checkpoint: { task, index: 0, entriesJson: ['{"type":"restart","reason":"x"}'] } }),
  ],
  ...hostileCheckpoints.map(([name, message]) => [name, () => frameOf(helloOnWire, message)] as const),
  ['a message of no known type', () => grpcFrame(joinFrame([Buffer.from([0xfa, 0x07, 0x01, 0x41])]))],
  ['a message before hello', () => frameOf({ credits: { free: 1 } })],
  ['a second hello', () => frameOf(helloOnWire, helloOnWire)],
  ['a hello without a worker', () => frameOf({ hello: { protocolMin: 1, protocolMax: 1 } })],
  [
    'a hello with negative slots',
    () => frameOf({ hello: { ...helloOnWire.hello, worker: { ...helloOnWire.hello.worker, slots: -4 } } }),
  ],
  [
    'a hello with an unknown step kind',
    () => frameOf({ hello: { ...helloOnWire.hello, worker: { ...helloOnWire.hello.worker, kinds: ['sudo'] } } }),
  ],
  [
    'a hello that holds what is no digest',
    () => frameOf({ hello: { ...helloOnWire.hello, held: ['sha256:../../etc'] } }),
  ],
  ['a token past 2^53', () => frameOf(helloOnWire, { started: { task: { ...task, token: '9223372036854775807' } } })],
  ['a token below zero', () => frameOf(helloOnWire, { started: { task: { ...task, token: -1 } } })],
  ['attempt zero', () => frameOf(helloOnWire, { started: { task: { ...task, attempt: 0 } } })],
  ['a step path that is none', () => frameOf(helloOnWire, { started: { task: { ...task, step: '../..' } } })],
  [
    'an id of ten thousand characters',
    () => frameOf(helloOnWire, { started: { task: { ...task, runId: 'r'.repeat(10_000) } } }),
  ],
  ['a task that is missing', () => frameOf(helloOnWire, { received: {} })],
  [
    'a heartbeat from the infinite future',
    () => frameOf(helloOnWire, { heartbeat: { sentAtMs: Number.POSITIVE_INFINITY } }),
  ],
];

/** They name their task: refusing the stream would end a worker, or bring the same result back on the next stream. */
const results: readonly (readonly [string, object])[] = [
  ['a result with an unknown status', { status: 'perfect' }],
  ['a failed result without an error', { status: 'failed' }],
  ['a result with an error code of no catalog', { status: 'failed', error: { code: 'toString', message: '' } }],
  ['outputs that are no JSON', { valuesJson: '{"outputs":' }],
  ['outputs that are no value references', { valuesJson: '{"outputs":{"a":1}}' }],
  ['outputs that are a list', { valuesJson: '[]' }],
  ['JSON three thousand levels deep', { valuesJson: deep }],
  ['a duration that is no number', { durationMs: Number.NaN }],
  ['usage below zero', { usage: { turns: -1 } }],
];

describe('takes as the failure of its task', () => {
  test.each(results)('%s', async (_name, fields) => {
    const before = coordinator.streams.length;
    await callRaw('Work', frameOf(helloOnWire, { result: { task, status: 'succeeded', ...fields } }));
    expect(coordinator.streams[before]?.received[1]).toMatchObject({
      type: 'result',
      result: { ...task, outcome: { status: 'failed', error: { code: 'invalid_argument' } }, outputs: {} },
    });
    await healthy();
  });
});

describe('refuses, for that stream only,', () => {
  test.each(frames)('%s', async (_name, frame) => {
    const before = coordinator.streams.length;
    expect(await callRaw('Work', frame(), { end: false })).toMatchObject(refused);
    expect(coordinator.streams[before]?.closed?.error?.code).toBe('invalid_argument');
    await healthy();
  });
});

describe('survives on the stream', () => {
  test('a frame that declares four gigabytes', async () => {
    expect((await callRaw('Work', grpcFrame(Buffer.alloc(10), 0xffff_ffff), { end: false })).status).toBe(8);
    await healthy();
  });

  test('a frame of three megabytes', async () => {
    const before = coordinator.streams.length;
    expect((await callRaw('Work', grpcFrame(Buffer.alloc(3_000_000)), { end: false })).status).toBe(8);
    await expect.poll(() => coordinator.streams[before]?.closed?.error?.code, patience).toBe('unavailable');
    await healthy();
  });

  test('a compressed frame that grows to a hundred megabytes', async () => {
    const bomb = grpcFrame(gzipSync(Buffer.alloc(100 * 1024 * 1024)), undefined, 1);
    expect((await callRaw('Work', bomb, { end: false, headers: { 'grpc-encoding': 'gzip' } })).status).toBe(8);
    await healthy();
  });

  test('a compressed frame that is not compressed', async () => {
    const lie = grpcFrame(Buffer.from('not gzip'), undefined, 1);
    expect((await callRaw('Work', lie, { end: false, headers: { 'grpc-encoding': 'gzip' } })).status).not.toBe(0);
    await healthy();
  });

  test('half a frame and then the end', async () => {
    await callRaw('Work', grpcFrame(Buffer.alloc(10), 100));
    await healthy();
  });

  test('an empty frame', async () => {
    await callRaw('Work', grpcFrame(Buffer.alloc(0)));
    await healthy();
  });

  test('a stream that never says hello', async () => {
    const answer = await callRaw('Work', Buffer.alloc(0), { end: false, to: impatient });
    expect(answer).toMatchObject({ status: 4, error: { code: 'deadline_exceeded' } });
    await healthy();
  });

  test('a call without a token, and one with half a header', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic abc']) {
      const answer = await callRaw('Work', frameOf(helloOnWire), { end: false, headers: { authorization } });
      expect(answer).toMatchObject({ status: 16, error: { code: 'unauthenticated' } });
    }
    await healthy();
  });

  test('an unknown method and a bad content type', async () => {
    expect((await callRaw('Nothing', Buffer.alloc(5))).status).toBe(12);
    await callRaw('Work', Buffer.alloc(5), { headers: { 'content-type': 'text/html' } });
    await healthy();
  });

  test('garbage in the other calls', async () => {
    for (const method of ['ReportExit', 'FetchSnapshot', 'FetchBlob', 'StoreBlob']) {
      expect(await callRaw(method, grpcFrame(Buffer.from([0x0a, 0xff, 0xff, 0x7f])))).toMatchObject(refused);
      expect((await callRaw(method, grpcFrame(Buffer.alloc(3_000_000)))).status).toBe(8);
      expect((await callRaw(method, Buffer.alloc(0))).status).not.toBe(0);
    }
    expect(await callRaw('FetchBlob', grpcFrame(Buffer.alloc(0)))).toMatchObject(refused);
    await healthy();
  });

  test('a blob past the limit, without holding it', async () => {
    const gateway = createGrpcGateway({ address: served.address, limits: patientLimits });
    const call = gateway.storeBlob({ token: scriptedToken }, 'ses_1', sampleTask(), sampleBytes(2_000_000));
    await expect(call).rejects.toMatchObject({ code: 'too_large', details: { limit: 300_000 } });
    gateway.close();
    await healthy();
  });

  test('a blob of whoever may not store it is refused at its header, whatever would follow', async () => {
    const { serialize } = messageType<object, object>('StoreBlobRequest');
    const chunk = grpcFrame(serialize({ chunk: Buffer.alloc(200_000) }));
    for (const [code, secret, token, totalBytes] of [
      ['unauthenticated', 'wrong', 1, 250_000],
      ['stale_fencing_token', scriptedToken, 0, 250_000],
      ['too_large', scriptedToken, 1, 300_001],
    ] as const) {
      const header = grpcFrame(serialize({ header: { sessionId: 'ses_1', task: { ...task, token }, totalBytes } }));
      const options = { headers: { authorization: `Bearer ${secret}` }, end: false };
      const answer = await callRaw('StoreBlob', Buffer.concat([header, chunk]), options);
      expect(answer).toMatchObject({ error: { code } });
    }
    await healthy();
  });

  test('a blob that breaks off, or is longer than it says', async () => {
    const { serialize } = messageType<object, object>('StoreBlobRequest');
    for (const totalBytes of [2, 4]) {
      const body = [{ header: { sessionId: 'ses_1', task, totalBytes } }, { chunk: Buffer.from('abc') }];
      const before = coordinator.blobs.size;
      expect(await callRaw('StoreBlob', Buffer.concat(body.map((part) => grpcFrame(serialize(part)))))).toMatchObject(
        refused,
      );
      expect(coordinator.blobs.size).toBe(before);
    }
    await healthy();
  });

  test('a blob whose chunks come before its header', async () => {
    const request = messageType<object, object>('StoreBlobRequest').serialize({ chunk: Buffer.from('abc') });
    expect(await callRaw('StoreBlob', grpcFrame(request))).toMatchObject(refused);
    await healthy();
  });

  test('a gateway that throws: the peer learns nothing of the reason', async () => {
    coordinator.onMessage = (stream) => {
      throw Object.assign(new Error(`secret \ud800 ${stream.received.length}`), { code: 3 });
    };
    const answer = await callRaw('Work', frameOf(helloOnWire), { end: false });
    coordinator.onMessage = () => undefined;
    expect(answer).toMatchObject({ status: 13, error: { code: 'internal', message: 'internal error' } });
    expect(JSON.stringify(answer)).not.toContain('secret');
    await healthy();
  });
});

describe('survives on the port', () => {
  const spit = (bytes: Buffer, end = true, to = served): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(portOf(to), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.on('connect', () => {
        socket.write(bytes);
        if (end) socket.end();
        else setImmediate(() => socket.resetAndDestroy());
      });
      socket.resume();
    });
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

  const bytes: readonly (readonly [string, Buffer])[] = [
    ['random bytes', Buffer.from(sampleBytes(100_000))],
    ['zeros', Buffer.alloc(100_000)],
    ['nothing', Buffer.alloc(0)],
    ['HTTP/1 as text', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['half an HTTP/2 preface', preface.subarray(0, 10)],
    ['an HTTP/2 preface and random bytes', Buffer.concat([preface, Buffer.from(sampleBytes(10_000))])],
    [
      'an HTTP/2 frame of sixteen megabytes',
      Buffer.concat([preface, settings, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]),
    ],
    [
      'headers that no HPACK decoder knows',
      Buffer.concat([preface, settings, Buffer.from([0, 0, 4, 1, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])]),
    ],
    [
      'data for a stream that was never opened',
      Buffer.concat([preface, settings, Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 9, 0x41])]),
    ],
    [
      'a thousand pings',
      Buffer.concat([
        preface,
        settings,
        ...Array.from({ length: 1000 }, () => Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
      ]),
    ],
  ];

  test.each(bytes)('%s', async (_name, given) => {
    await spit(given, true, impatient); // ends who answers no ping
    void spit(given);
    await spit(given, false);
    await healthy();
  });

  test('an HTTP/1 client', async () => {
    await new Promise<void>((resolve) => {
      http
        .get(`http://${served.address}/healthz`, (response) => response.resume().on('end', resolve))
        .on('error', () => resolve());
    });
    await healthy();
  });

  test('a TLS client', async () => {
    await new Promise<void>((resolve) => {
      const socket = tls.connect({ port: portOf(served), host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => resolve());
      socket.on('secureConnect', () => resolve());
    });
    await healthy();
  });

  test('a hundred streams that are reset as soon as they open', async () => {
    const session = http2.connect(`http://${served.address}`);
    session.on('error', () => undefined);
    for (let index = 0; index < 100; index++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': `${service}/Work`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => undefined);
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    await healthy();
    session.destroy();
  });
});
