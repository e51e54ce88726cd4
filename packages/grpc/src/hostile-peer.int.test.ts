import http2 from 'node:http2';
import type { PeerMessage } from '@skein/ports';
import {
  createMemoryLog,
  createNodeHasher,
  patientLimits,
  ScriptedCoordinator,
  ScriptedPeer,
  sampleOffer,
  samplePeerHello,
  sampleResult,
  sampleStep,
  scriptedSecret,
  scriptedToken,
} from '@skein/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import { createGrpcPeerDialer } from './create-grpc-peer-dialer.ts';
import { peerMessageType } from './peer-protocol.ts';
import type { ServedGateway } from './serve-gateway.ts';
import { serveGateway } from './serve-gateway.ts';

/** Every case does harm to the door for peers, and is followed by a healthy exchange on it. */

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 5 };
const log = createMemoryLog();
const credentials = { secret: scriptedSecret };
const limits = { ...patientLimits, closeTimeoutMs: 300, maxAnswerBytes: 4_000_000 };

let peer: ScriptedPeer;
let served: ServedGateway;

const serve = (helloTimeoutMs: number): Promise<ServedGateway> =>
  serveGateway({
    gateway: new ScriptedCoordinator(createNodeHasher()),
    peers: {
      gateway: {
        openPeerStream: (shown, listener) => peer.openPeerStream(shown, listener),
        callPeer: (shown, call, signal) => peer.callPeer(shown, call, signal),
      },
      secret: scriptedSecret,
    },
    address: '127.0.0.1:0',
    log,
    meter,
    limits: { ...limits, helloTimeoutMs },
  });
beforeAll(async () => {
  served = await serve(limits.helloTimeoutMs);
});
afterAll(() => served.close(0));
beforeEach(() => {
  peer = new ScriptedPeer();
});

/** Two coordinators talk, a worker is let in: all is well. */
const healthy = async (): Promise<void> => {
  const connection = createGrpcPeerDialer({ log, meter, limits: patientLimits }).dial(served.address);
  const before = peer.streams.length;
  const link = connection.peer.openPeerStream(credentials, { onMessage: () => undefined, onClosed: () => undefined });
  link.send(samplePeerHello());
  await expect.poll(() => peer.streams[before]?.received.length, patience).toBe(1);
  peer.onCall = (call) => call.method;
  expect(await connection.peer.callPeer(credentials, { method: 'well', args: [] })).toBe('well');
  await connection.workers.reportExit({ token: scriptedToken }, { incarnation: 'lch_1' });
  await connection.close();
};

const frameOf = (...messages: readonly object[]): Buffer => {
  const bytes = peerMessageType<object, object>('TalkRequest').serialize({ messages });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};
const raw = (bytes: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

interface Answer {
  readonly status: number | undefined;
  readonly error: { readonly code?: string; readonly message?: string } | undefined;
}

const callRaw = (
  method: string,
  body: Buffer,
  secret = scriptedSecret,
  { address }: ServedGateway = served,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const session = http2.connect(`http://${address}`);
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': `/skein.peer.v1.PeerService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Peer ${secret}`,
    });
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
    if (method === 'Call') stream.end();
  });

const helloOnWire = { peerHello: { protocolMin: 1, protocolMax: 1, coordinatorId: 'alpha', incarnation: 'inc_1' } };
const session = { workerId: 'wrk_1', sessionId: 'ses_1' };
const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };

const frames: readonly (readonly [string, Buffer])[] = [
  ['garbage', raw(Buffer.from([0x0a, 0xff, 0xff, 0x7f]))],
  ['a message of no type', frameOf(helloOnWire, {})],
  ['no hello', frameOf({ alive: {} })],
  ['a second hello', frameOf(helloOnWire, helloOnWire)],
  [
    'a name of a thousand characters',
    frameOf({ peerHello: { ...helloOnWire.peerHello, coordinatorId: 'x'.repeat(1_000) } }),
  ],
  ['a shard that is none', frameOf(helloOnWire, { homes: { homes: [{ shard: 256, epoch: 1 }] } })],
  ['a shard below zero', frameOf(helloOnWire, { homes: { homes: [{ shard: -1, epoch: 1 }] } })],
  ['an epoch past 2^53', frameOf(helloOnWire, { homes: { homes: [{ shard: 1, epoch: '9223372036854775807' }] } })],
  ['a grant of nothing', frameOf(helloOnWire, { grant: { ...session, taskClass: 'c', count: 0 } })],
  ['slots below zero', frameOf(helloOnWire, { slots: { free: [{ tenant: 'default', free: -1 }] } })],
  [
    'a wish of a kind that is none',
    frameOf(helloOnWire, { wish: { wishes: [{ taskClass: 'c', tenant: 't', kind: 'rm' }] } }),
  ],
  [
    'a wish of no priority',
    frameOf(helloOnWire, { wish: { wishes: [{ taskClass: 'c', tenant: 't', kind: 'shell', priority: Number.NaN }] } }),
  ],
  ['a worker without itself', frameOf(helloOnWire, { worker: { tenant: 't', tokenId: 'tok', sessionId: 'ses_1' } })],
  ['a worker that is gone for no reason', frameOf(helloOnWire, { workerGone: { ...session, reason: 'bored' } })],
  ['a message of nobody', frameOf(helloOnWire, { fromWorker: { message: { started: { task } } } })],
  ['a message of a worker that holds none', frameOf(helloOnWire, { fromWorker: session })],
  ['credits passed on', frameOf(helloOnWire, { fromWorker: { ...session, message: { credits: { free: 100 } } } })],
  [
    'a heartbeat passed on',
    frameOf(helloOnWire, { fromWorker: { ...session, message: { heartbeat: { sentAtMs: 1 } } } }),
  ],
  ['a welcome passed on', frameOf(helloOnWire, { toWorker: { ...session, message: { welcome: { protocol: 1 } } } })],
  [
    'an offer of an empty slot',
    frameOf(helloOnWire, { toWorker: { ...session, message: { offer: { task, tenant: 't' } } } }),
  ],
  ['a change of something else', frameOf(helloOnWire, { changed: { tenant: 't', what: 'weather' } })],
  ['a run that has no id', frameOf(helloOnWire, { wake: { runs: [{ tenant: 't', runId: '../..' }] } })],
];

describe('refuses, for that stream only,', () => {
  test.each(frames)('%s', async (_name, frame) => {
    expect(await callRaw('Talk', frame)).toMatchObject({ status: 3, error: { code: 'invalid_argument' } });
    expect(peer.streams[0]?.closed?.error?.code).toBe('invalid_argument');
    await healthy();
  });

  test('a frame of three megabytes', async () => {
    expect((await callRaw('Talk', raw(Buffer.alloc(3_000_000)))).status).toBe(8);
    await healthy();
  });

  test('a stream that never says hello', async () => {
    const impatient = await serve(400);
    onTestFinished(() => impatient.close(0));
    const answer = await callRaw('Talk', Buffer.alloc(0), scriptedSecret, impatient);
    expect(answer).toMatchObject({ status: 4, error: { code: 'deadline_exceeded' } });
    await healthy();
  });

  test('calls that are none', async () => {
    const bytes = (call: object): Buffer => raw(peerMessageType<object, object>('CallRequest').serialize(call));
    for (const call of [
      {},
      { method: 'm', argsJson: '{}' },
      { method: 'm', argsJson: '[' },
      { method: '', argsJson: '[]' },
    ])
      expect(await callRaw('Call', bytes(call))).toMatchObject({ status: 3, error: { code: 'invalid_argument' } });
    expect(await callRaw('Call', raw(Buffer.from([0x0a, 0xff])))).toMatchObject({ status: 3 });
    expect(peer.calls).toEqual([]);
    await healthy();
  });

  test('another secret, before anything is read, and says nothing of the right one', async () => {
    for (const secret of ['wrong', scriptedSecret.slice(1), scriptedSecret.toUpperCase()]) {
      for (const method of ['Talk', 'Call']) {
        const answer = await callRaw(method, frameOf({}), secret);
        expect(answer).toMatchObject({ status: 7, error: { code: 'permission_denied' } });
        expect(JSON.stringify(answer)).not.toContain(scriptedSecret);
      }
    }
    expect([peer.streams.length, peer.calls.length]).toEqual([0, 0]);
    await healthy();
  });

  test('an answer that is too large', async () => {
    const connection = createGrpcPeerDialer({ log, meter, limits: patientLimits }).dial(served.address);
    // What is said of a large run is no reason to hide what was done with it.
    peer.onCall = () => 'x'.repeat(3_000_000);
    expect(await connection.peer.callPeer(credentials, { method: 'run', args: [] })).toHaveLength(3_000_000);
    peer.onCall = () => 'x'.repeat(4_100_000);
    const call = connection.peer.callPeer(credentials, { method: 'much', args: [] });
    await expect(call).rejects.toMatchObject({ code: 'too_large', details: { limit: 4_000_000 } });
    const large = connection.peer.callPeer(credentials, { method: 'm', args: ['x'.repeat(1_100_000)] });
    await expect(large).rejects.toMatchObject({ code: 'too_large' });
    await connection.close();
    await healthy();
  });

  test('a use case that throws: the caller learns nothing of the reason', async () => {
    const connection = createGrpcPeerDialer({ log, meter, limits: patientLimits }).dial(served.address);
    peer.onCall = () => {
      throw new Error('a secret reason');
    };
    const call = connection.peer.callPeer(credentials, { method: 'm', args: [] });
    await expect(call).rejects.toMatchObject({ code: 'internal', message: 'internal error' });
    await connection.close();
    await healthy();
  });
});

describe('what no frame can carry', () => {
  const talk = async (send: (heard: (message: PeerMessage) => void) => void) => {
    const connection = createGrpcPeerDialer({ log, meter, limits: patientLimits }).dial(served.address);
    const heard: PeerMessage[] = [];
    const ends: unknown[] = [];
    const link = connection.peer.openPeerStream(credentials, {
      onMessage: (message) => heard.push(message),
      onClosed: (error) => ends.push(error?.code),
    });
    link.send(samplePeerHello());
    await expect.poll(() => peer.streams[0]?.received.length, patience).toBe(1);
    send((message) => link.send(message));
    return { connection, heard, ends };
  };
  const offer = (bytes: number): PeerMessage => ({
    type: 'to_worker',
    ...session,
    message: { type: 'offer', offer: sampleOffer(0, bytes) },
  });

  test('an offer fails its task at the sender and gives its slot back, and its step travels whole with the next one', async () => {
    const { connection, heard, ends } = await talk((send) => {
      send(offer(1_100_000));
      send(offer(10));
    });
    await expect.poll(() => heard.length, patience).toBe(1);
    expect(heard[0]).toMatchObject({
      type: 'from_worker',
      ...session,
      message: { type: 'result', result: { token: 10, outcome: { status: 'failed', error: { code: 'too_large' } } } },
    });
    await expect.poll(() => peer.streams[0]?.received.length, patience).toBe(3);
    expect(peer.streams[0]?.received[1]).toEqual({ type: 'give_back', ...session, count: 1 });
    expect(peer.streams[0]?.received[2]).toMatchObject({ message: { offer: { definition: sampleStep('step-0') } } });
    expect(ends).toEqual([]);
    await connection.close();
  });

  test('a result arrives as the failure of its task', async () => {
    const result = { ...sampleResult(0), stdout: { inline: 'x'.repeat(1_200_000) } };
    const { connection, ends } = await talk((send) =>
      send({ type: 'from_worker', ...session, message: { type: 'result', result } }),
    );
    await expect.poll(() => peer.streams[0]?.received.length, patience).toBe(2);
    expect(peer.streams[0]?.received[1]).toMatchObject({
      message: { result: { outcome: { status: 'failed', error: { code: 'too_large' } } } },
    });
    expect(ends).toEqual([]);
    await connection.close();
  });

  test('what workers hold comes in parts, and is one message again', async () => {
    const taskOf = (token: number, run: number) => ({
      runId: `run_0190aaaa-0000-7000-8000-${String(run).padStart(12, '0')}`,
      step: `item[${token}]`,
      attempt: 1,
      token,
    });
    const workers = Array.from({ length: 2 }, (_, run) => ({
      workerId: `wrk_${run}`,
      sessionId: `ses_${run}`,
      running: Array.from({ length: 9_000 }, (_, token) => ({ ...taskOf(token, run), started: token % 2 === 0 })),
      unacknowledged: [taskOf(9_000, run)],
    }));
    const told: PeerMessage = { type: 'holdings', shards: [1, 2], workers };
    const { connection, ends } = await talk((send) => {
      send(told);
      send({ type: 'holdings', shards: [3], workers: [] });
    });
    await expect.poll(() => peer.streams[0]?.received.length, patience).toBe(3);
    expect(peer.streams[0]?.received.slice(1)).toEqual([told, { type: 'holdings', shards: [3], workers: [] }]);
    expect(ends).toEqual([]);
    await connection.close();
  });

  test('anything else cuts the stream and says why', async () => {
    const runIds = Array.from({ length: 50_000 }, (_, index) => `run_0190aaaa-0000-7000-8000-${index}`);
    const { connection, ends } = await talk((send) => send({ type: 'watching', runIds }));
    await expect.poll(() => ends, patience).toEqual(['too_large']);
    await connection.close();
    await healthy();
  });
});

test('workers are let in by their tokens, not by the secret of the fleet', async () => {
  const gateway = createGrpcGateway({ address: served.address, limits: patientLimits });
  await expect(gateway.reportExit({ token: scriptedSecret }, { incarnation: 'lch_1' })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
  gateway.close();
});
