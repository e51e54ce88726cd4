import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DomainError } from '@skein/domain';
import type { CoordinatorGateway } from '@skein/ports';
import {
  AwakeTime,
  createMemoryLog,
  createNodeHasher,
  patientLimits,
  ScriptedCoordinator,
  sampleBytes,
  sampleHello,
  sampleOffer,
  sampleTask,
  scriptedToken,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GrpcGatewayOptions } from './create-grpc-gateway.ts';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import { defaultGrpcLimits } from './limits.ts';
import type { ServeGatewayOptions } from './serve-gateway.ts';
import { serveGateway } from './serve-gateway.ts';
import { joinFrame } from './wire/frame.ts';
import { messageType } from './worker-protocol.ts';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 5 };
const credentials = { token: scriptedToken };

let coordinator: ScriptedCoordinator;
let cleanUps: (() => void | Promise<void>)[];

beforeEach(() => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

const serve = async (options: Partial<ServeGatewayOptions> = {}) => {
  const log = createMemoryLog();
  const limits = { ...patientLimits, ...options.limits };
  const served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter, ...options, limits });
  cleanUps.push(() => served.close(0));
  return served;
};

const joinWorker = (options: GrpcGatewayOptions) => {
  const gateway = createGrpcGateway({ ...options, limits: { ...patientLimits, ...options.limits } });
  cleanUps.push(() => gateway.close());
  const ends: (DomainError | undefined)[] = [];
  let messages = 0;
  const link = gateway.openWorkerStream(credentials, {
    onMessage: () => messages++,
    onClosed: (end) => ends.push(end),
  });
  link.send(sampleHello());
  return { gateway, link, ends, messages: () => messages };
};

test('cuts a worker that does not read, while the others go on', async () => {
  const served = await serve({ limits: { closeTimeoutMs: 200 } });
  const hello = messageType<object, object>('WorkerMessage').serialize({
    hello: {
      protocolMin: 1,
      protocolMax: 1,
      worker: { workerId: 'wrk_deaf', incarnation: 'lch_1', slots: 1, isolation: 'none', pid: 1 },
    },
  });
  const session = http2.connect(`http://${served.address}`);
  session.on('error', () => undefined);
  cleanUps.push(() => session.destroy());
  const deaf = session.request({
    ':method': 'POST',
    ':path': '/skein.worker.v1.WorkerService/Work',
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${scriptedToken}`,
  });
  let reset = false;
  deaf.on('error', () => undefined);
  deaf.on('close', () => {
    reset = true;
  });
  deaf.pause();
  const frame = joinFrame([hello]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(frame.length, 1);
  deaf.write(Buffer.concat([head, frame]));
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  const healthy = joinWorker({ address: served.address });
  await expect.poll(() => coordinator.streams[1]?.received.length, patience).toBe(1);

  for (let index = 0; index < 60; index++) {
    coordinator.streams[0]?.send({ type: 'offer', offer: sampleOffer(index, 256 * 1024) });
    coordinator.streams[1]?.send({ type: 'drain' });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => coordinator.streams[0]?.closed?.error?.code, patience).toBe('resource_exhausted');
  await expect.poll(() => healthy.messages(), patience).toBe(60);
  await expect.poll(() => [reset, deaf.closed, deaf.rstCode, deaf.destroyed], patience).toEqual([true, true, 8, true]);
  expect(healthy.ends).toEqual([]);
});

test('cuts the stream of a worker whose coordinator does not take what it sends', async () => {
  const served = await serve();
  const proxy = await startProxy(served.address);
  const worker = joinWorker({ address: proxy.address, limits: { keepaliveMs: 60_000, maxBufferedBytes: 2_000_000 } });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  proxy.freeze();
  for (let index = 0; index < 80 && worker.ends.length === 0; index++) {
    worker.link.send({ type: 'log', task: sampleTask(), bytes: sampleBytes(100_000) });
  }
  expect(worker.ends.map((end) => end?.code)).toEqual(['resource_exhausted']);
});

test('both ends find a frozen peer within about a second', async () => {
  const served = await serve({ limits: defaultGrpcLimits });
  const proxy = await startProxy(served.address);
  const worker = joinWorker({ address: proxy.address, limits: defaultGrpcLimits });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  // Awake for so long since it is frozen: where this process stands still itself, both ends do.
  const awake = new AwakeTime();
  cleanUps.push(() => awake.stop());
  proxy.freeze();
  const found: { worker?: number; coordinator?: number } = {};
  await expect
    .poll(() => {
      if (worker.ends.length > 0) found.worker ??= awake.ms;
      if (coordinator.streams[0]?.closed !== undefined) found.coordinator ??= awake.ms;
      return Object.keys(found).length;
    }, patience)
    .toBe(2);
  console.info(`frozen peer found: by the worker ${found.worker} ms, by the coordinator ${found.coordinator} ms`);
  expect([worker.ends[0]?.code, coordinator.streams[0]?.closed?.error?.code]).toEqual(['unavailable', 'unavailable']);
  expect(Math.max(found.worker ?? 0, found.coordinator ?? 0)).toBeLessThan(7_000);
});

test('takes a connection that breaks for a break, not for an orderly end', async () => {
  const served = await serve();
  const proxy = await startProxy(served.address);
  const worker = joinWorker({ address: proxy.address });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  proxy.hangUp();
  await expect.poll(() => coordinator.streams[0]?.closed?.error?.code, patience).toBe('unavailable');
  await expect.poll(() => worker.ends.map((end) => end?.code), patience).toEqual(['unavailable']);
});

test('keeps an idle stream for many pings', async () => {
  const served = await serve({ limits: { keepaliveMs: 20 } });
  const worker = joinWorker({ address: served.address, limits: { keepaliveMs: 20 } });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  const openedAt = performance.now();
  await expect.poll(() => performance.now() - openedAt, patience).toBeGreaterThan(1_500);
  worker.link.send({ type: 'draining' });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(2);
  expect(worker.ends).toEqual([]);
});

test('says unavailable when nobody listens, and reaches the coordinator as soon as one does', async () => {
  const first = await serve();
  const { address } = first;
  await first.close(0);
  const worker = joinWorker({ address });
  await expect.poll(() => worker.ends.map((end) => end?.code), patience).toEqual(['unavailable']);
  await expect(worker.gateway.reportExit(credentials, { incarnation: 'lch_1' })).rejects.toMatchObject({
    code: 'unavailable',
  });
  await serve({ address });
  const ends: unknown[] = [];
  worker.gateway
    .openWorkerStream(credentials, { onMessage: () => undefined, onClosed: (end) => ends.push(end) })
    .send(sampleHello());
  await expect.poll(() => coordinator.streams.length, patience).toBe(1);
  await expect
    .poll(
      () =>
        worker.gateway.reportExit(credentials, { incarnation: 'lch_1' }).then(
          () => 'ok',
          () => 'no',
        ),
      patience,
    )
    .toBe('ok');
});

test('closes the link of a stream once, whatever ends it', async () => {
  let closes = 0;
  const gateway: CoordinatorGateway = {
    openWorkerStream: (joined, listener) => {
      const link = coordinator.openWorkerStream(joined, listener);
      const close = (error?: DomainError): void => {
        closes += 1;
        link.close(error);
      };
      return { send: (message) => link.send(message), close };
    },
    reportExit: () => Promise.resolve(),
    fetchSnapshot: () => Promise.reject(new Error('none')),
    fetchPart: () => Promise.reject(new Error('none')),
    readSecret: () => Promise.reject(new Error('none')),
    fetchBlob: () => Promise.reject(new Error('none')),
    storeBlob: () => Promise.reject(new Error('none')),
  };
  const served = await serve({ gateway });
  for (const end of ['goodbye', 'second hello'] as const) {
    const worker = joinWorker({ address: served.address });
    await expect.poll(() => coordinator.streams.at(-1)?.received.length, patience).toBe(1);
    if (end === 'goodbye') worker.link.close();
    else worker.link.send(sampleHello());
    await expect.poll(() => worker.ends.length, patience).toBe(1);
  }
  await served.close(1_000);
  expect(closes).toBe(2);
});

test('a close gives streams their grace, then breaks them', async () => {
  const limits = { keepaliveMs: 60_000 }; // a ping of either end breaks a connection that is closing
  const served = await serve({ limits });
  const worker = joinWorker({ address: served.address, limits });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  await new Promise((resolve) => setImmediate(resolve)); // timers count from the beginning of a turn
  const closedAt = performance.now();
  await served.close(1_000);
  expect(performance.now() - closedAt).toBeGreaterThan(500);
  await expect.poll(() => worker.ends.map((end) => end?.code), patience).toEqual(['unavailable']);
});

test('refuses a token that no header can carry, without a throw', async () => {
  const served = await serve();
  const gateway = createGrpcGateway({ address: served.address, limits: patientLimits });
  cleanUps.push(() => gateway.close());
  const ends: (string | undefined)[] = [];
  gateway.openWorkerStream({ token: 'a\nb' }, { onMessage: () => undefined, onClosed: (end) => ends.push(end?.code) });
  await expect.poll(() => ends, patience).toEqual(['unauthenticated']);
  await expect(gateway.reportExit({ token: 'ü\0' }, { incarnation: 'lch_1' })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

test('a port that is taken is a typed error', async () => {
  const served = await serve();
  await expect(serve({ address: served.address })).rejects.toMatchObject({ code: 'unavailable' });
});

test('speaks TLS, and trusts only its authority', async (context) => {
  const tls = makeCertificate();
  if (tls === undefined) return context.skip('needs openssl');
  const served = await serve({ tls });
  const address = served.address.replace('127.0.0.1', 'localhost');
  const worker = joinWorker({ address, tls: { authority: tls.certificate } });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  await worker.gateway.reportExit(credentials, { incarnation: 'lch_1' });
  const stranger = joinWorker({ address, tls: {} });
  await expect.poll(() => stranger.ends.map((end) => end?.code), patience).toEqual(['unavailable']);
});

test('goes to an IP address when the certificate there has the name that it is told to expect, and not with another', async (context) => {
  const tls = makeCertificate();
  if (tls === undefined) return context.skip('needs openssl');
  const { address } = await serve({ tls });
  const authority = tls.certificate;
  const worker = joinWorker({ address, tls: { authority, serverName: 'localhost' } });
  await expect.poll(() => coordinator.streams[0]?.received.length, patience).toBe(1);
  await worker.gateway.reportExit(credentials, { incarnation: 'lch_1' });
  for (const other of [{}, { serverName: 'coordinator' }]) {
    const refused = joinWorker({ address, tls: { authority, ...other } });
    await expect.poll(() => refused.ends.map((end) => end?.code), patience).toEqual(['unavailable']);
  }
});

/** A TCP proxy that can stop moving bytes without closing anything, as a frozen host does. */
const startProxy = async (target: string): Promise<{ readonly address: string; freeze(): void; hangUp(): void }> => {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  const server: Server = createServer((inner) => {
    const outer = connect(Number(port), host);
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    inner.on('data', (bytes) => outer.write(bytes));
    outer.on('data', (bytes) => inner.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as { readonly port: number }).port}`,
    hangUp: () => {
      for (const socket of sockets) socket.end();
    },
    freeze: () => {
      for (const socket of sockets) socket.pause();
    },
  };
};

const makeCertificate = (): { readonly certificate: string; readonly privateKey: string } | undefined => {
  const dir = mkdtempSync(join(tmpdir(), 'skein-tls-'));
  try {
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate, ...subject],
      { stdio: 'pipe' },
    );
    return { certificate: readFileSync(certificate, 'utf8'), privateKey: readFileSync(key, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};
