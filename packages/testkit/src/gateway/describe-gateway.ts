import { DomainError, isDomainError } from '@skein/domain';
import type { CoordinatorGateway, CoordinatorMessage, StreamLink, WorkerMessage } from '@skein/ports';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNodeHasher } from '../node-hasher.ts';
import { describePartsAndSecrets } from './describe-parts-and-secrets.ts';
import {
  sampleBytes,
  sampleCoordinatorMessages,
  sampleDigest,
  sampleHello,
  sampleOffer,
  sampleResult,
  sampleTask,
  sampleWorkerMessages,
} from './sample-messages.ts';
import { ScriptedCoordinator, scriptedToken } from './scripted-coordinator.ts';

/** A gateway under test: the worker's end, in front of the given coordinator. */
export interface GatewayUnderTest {
  readonly gateway: CoordinatorGateway;
  /** Breaks every open stream as a lost peer would; absent when the gateway cannot lose one. */
  readonly loseCoordinator?: () => Promise<void>;
  close(): Promise<void>;
}

const session = 'ses_0190aaaa-0000-7000-8000-000000000004';
const credentials = { token: scriptedToken };
const patience = { timeout: 20_000, interval: 5 };

/** The worker's end of one stream, remembered. */
class Ear {
  readonly messages: CoordinatorMessage[] = [];
  readonly ends: (DomainError | undefined)[] = [];
  afterEnd = 0;

  readonly onMessage = (message: CoordinatorMessage): void => {
    if (this.ends.length > 0) this.afterEnd++;
    this.messages.push(message);
  };

  readonly onClosed = (error?: DomainError): void => {
    this.ends.push(error);
  };
}

/** What every gateway between a worker and a coordinator must do. `make` puts one in front of the coordinator that it is given. */
export const describeGateway = (
  name: string,
  make: (coordinator: CoordinatorGateway) => Promise<GatewayUnderTest>,
): void => {
  describe(`gateway: ${name}`, () => {
    let coordinator: ScriptedCoordinator;
    let subject: GatewayUnderTest;

    beforeEach(async () => {
      coordinator = new ScriptedCoordinator(createNodeHasher());
      subject = await make(coordinator);
    });
    afterEach(() => subject.close());

    const open = (token = scriptedToken): { readonly ear: Ear; readonly link: StreamLink<WorkerMessage> } => {
      const ear = new Ear();
      return { ear, link: subject.gateway.openWorkerStream({ token }, ear) };
    };
    const received = (stream = 0): readonly WorkerMessage[] => coordinator.streams[stream]?.received ?? [];
    const failure = async (call: Promise<unknown>): Promise<DomainError> => {
      const thrown = await call.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!isDomainError(thrown)) throw new Error('the call did not fail with a DomainError', { cause: thrown });
      return thrown;
    };

    test('carries every message of a worker unchanged and in order', async () => {
      const { link } = open();
      const sent = sampleWorkerMessages();
      for (const message of sent) link.send(message);
      await expect.poll(() => received().length, patience).toBe(sent.length);
      expect(plain(received())).toEqual(plain(sent));
    });

    test('carries every message of a coordinator unchanged and in order', async () => {
      const { ear, link } = open();
      const sent = sampleCoordinatorMessages();
      coordinator.onMessage = (stream) => {
        for (const message of sent) stream.send(message);
      };
      link.send(sampleHello());
      await expect.poll(() => ear.messages.length, patience).toBe(sent.length);
      expect(plain(ear.messages)).toEqual(plain(sent));
    });

    test('delivers nothing in the turn in which it was sent', async () => {
      const { ear, link } = open();
      coordinator.onMessage = (stream) => stream.send({ type: 'drain' });
      link.send(sampleHello());
      expect([received().length, ear.messages.length]).toEqual([0, 0]);
      await expect.poll(() => ear.messages.length, patience).toBe(1);
    });

    test('keeps the order of thousands of messages sent in one turn, both ways', async () => {
      const { ear, link } = open();
      coordinator.onMessage = (stream, message) => {
        if (message.type === 'result')
          stream.send({ type: 'result_acknowledged', task: message.result, outcome: 'recorded' });
      };
      link.send(sampleHello());
      for (let index = 0; index < 4_000; index++) link.send({ type: 'result', result: sampleResult(index) });
      await expect.poll(() => ear.messages.length, { ...patience, timeout: 20_000 }).toBe(4_000);
      const tokens = ear.messages.map((message) => ('task' in message ? message.task.token : -1));
      expect(tokens).toEqual(Array.from({ length: 4_000 }, (_, index) => 10 + index));
    }, 30_000);

    test('delivers earlier messages before an orderly end by the worker, and ends both sides once', async () => {
      const { ear, link } = open();
      link.send(sampleHello());
      for (let index = 0; index < 100; index++) link.send({ type: 'started', task: sampleTask(index) });
      link.send({ type: 'goodbye' });
      link.close();
      link.close();
      link.send({ type: 'draining' });
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(received().length).toBe(102);
      expect(received().at(-1)).toEqual({ type: 'goodbye' });
      expect(coordinator.streams[0]?.closed).toEqual({});
      expect(ear.ends).toEqual([undefined]);
    });

    test('delivers earlier messages before an orderly end by the coordinator', async () => {
      const { ear, link } = open();
      coordinator.onMessage = (stream) => {
        for (let index = 0; index < 100; index++) stream.send({ type: 'offer', offer: sampleOffer(index) });
        stream.close();
        stream.send({ type: 'drain' });
      };
      link.send(sampleHello());
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.messages.length).toBe(100);
      expect(ear.ends).toEqual([undefined]);
      expect(ear.afterEnd).toBe(0);
    });

    test('tells the worker why the coordinator ended the stream', async () => {
      const { ear, link } = open();
      coordinator.onMessage = (stream) =>
        stream.close(new DomainError('resource_exhausted', 'too many workers', { retryAfterMs: 250 }));
      link.send(sampleHello());
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.ends[0]).toMatchObject({
        code: 'resource_exhausted',
        message: 'too many workers',
        details: { retryAfterMs: 250 },
      });
    });

    test('answers wrong credentials with `refused` and then the end', async () => {
      const { ear } = open('wrong');
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.messages).toEqual([
        { type: 'refused', error: { code: 'unauthenticated', message: 'unknown join token' } },
      ]);
      expect(ear.ends[0]?.code).toBe('unauthenticated');
    });

    test('answers an unknown protocol version with `refused` and then the end', async () => {
      const { ear, link } = open();
      link.send({ ...sampleHello(), protocol: { min: 7, max: 9 } });
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.messages.map((message) => message.type)).toEqual(['refused']);
      expect(ear.ends[0]?.code).toBe('unimplemented');
    });

    test('keeps streams apart', async () => {
      const first = open();
      const second = open();
      coordinator.onMessage = (stream, message) => {
        if (message.type === 'goodbye') stream.close();
      };
      first.link.send(sampleHello());
      second.link.send(sampleHello());
      await expect.poll(() => received(0).length + received(1).length, patience).toBe(2);
      first.link.send({ type: 'goodbye' });
      await expect.poll(() => first.ear.ends.length, patience).toBe(1);
      second.link.send({ type: 'draining' });
      await expect.poll(() => received(0).length + received(1).length, patience).toBe(4);
      expect(second.ear.ends).toEqual([]);
    });

    test('carries large offers whole', async () => {
      const { ear, link } = open();
      const sent: CoordinatorMessage[] = [256 * 1024, 700 * 1024, 1, 0].map((bytes, index) => ({
        type: 'offer',
        offer: sampleOffer(index, bytes),
      }));
      coordinator.onMessage = (stream) => {
        for (const message of sent) stream.send(message);
      };
      link.send(sampleHello());
      await expect.poll(() => ear.messages.length, patience).toBe(sent.length);
      expect(plain(ear.messages)).toEqual(plain(sent));
    });

    test('brings snapshots and blobs of 5 MiB, of one byte and of none', async () => {
      for (const length of [5 * 1024 * 1024 + 17, 65_536, 1, 0]) {
        const bytes = sampleBytes(length);
        const digest = await subject.gateway.storeBlob(credentials, session, sampleTask(), bytes);
        const request = { task: sampleTask(), digest, held: [sampleDigest(1)] };
        const blob = await subject.gateway.fetchBlob(credentials, session, sampleTask(), digest);
        const snapshot = await subject.gateway.fetchSnapshot(credentials, session, request);
        expect(Buffer.compare(blob, bytes)).toBe(0);
        expect(Buffer.compare(snapshot, bytes)).toBe(0);
      }
    });

    test('passes on the typed refusals of transfers', async () => {
      const { gateway } = subject;
      coordinator.maxBlobBytes = 100_000;
      const stale = { ...sampleTask(), token: 0 };
      const tooLarge = await failure(gateway.storeBlob(credentials, session, sampleTask(), sampleBytes(100_001)));
      expect(tooLarge).toMatchObject({ code: 'too_large', details: { limit: 100_000, actual: 100_001 } });
      const unknown = await failure(gateway.fetchBlob(credentials, session, sampleTask(), sampleDigest(404)));
      expect(unknown).toMatchObject({ code: 'not_found', details: { digest: sampleDigest(404) } });
      const fenced = await failure(gateway.storeBlob(credentials, session, stale, sampleBytes(10)));
      expect(fenced.code).toBe('stale_fencing_token');
      const stranger = await failure(gateway.fetchBlob({ token: 'x' }, session, sampleTask(), sampleDigest(1)));
      expect(stranger.code).toBe('unauthenticated');
      const liar = await failure(gateway.reportExit({ token: 'x' }, { incarnation: 'lch_1' }));
      expect(liar.code).toBe('unauthenticated');
    });

    describePartsAndSecrets(() => ({ gateway: subject.gateway, coordinator }));

    test('passes an exit report on', async () => {
      const report = { incarnation: 'lch_1', workerId: 'wrk_1', exitCode: 0 };
      const killed = { incarnation: 'lch_2', signal: 'SIGKILL' };
      await subject.gateway.reportExit(credentials, report);
      await subject.gateway.reportExit(credentials, killed);
      expect(coordinator.exits).toEqual([report, killed]);
    });

    test('ends a transfer when its caller aborts, at both ends', async () => {
      coordinator.hold = true;
      const abort = new AbortController();
      const { gateway } = subject;
      const calls = [
        gateway.fetchBlob(credentials, session, sampleTask(), sampleDigest(1), abort.signal),
        gateway.fetchSnapshot(
          credentials,
          session,
          { task: sampleTask(), digest: sampleDigest(1), held: [] },
          abort.signal,
        ),
        gateway.storeBlob(credentials, session, sampleTask(), sampleBytes(200_000), abort.signal),
      ].map(failure);
      await expect.poll(() => coordinator.waiting, patience).toBe(3);
      abort.abort(new DomainError('cancelled', 'enough'));
      expect((await Promise.all(calls)).map((error) => error.code)).toEqual(['cancelled', 'cancelled', 'cancelled']);
      await expect.poll(() => coordinator.waiting, patience).toBe(0);
    });

    test('ends a stream once, with an error, when the coordinator is gone', async ({ skip }) => {
      const { loseCoordinator } = subject;
      if (loseCoordinator === undefined) return skip('this gateway cannot lose its coordinator');
      const { ear, link } = open();
      link.send(sampleHello());
      await expect.poll(() => received().length, patience).toBe(1);
      await loseCoordinator();
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.ends[0]?.code).toBe('unavailable');
      expect(coordinator.streams[0]?.closed?.error?.code).toBe('unavailable');
      link.send({ type: 'draining' });
      link.close();
      expect(ear.ends.length).toBe(1);
    });
  });
};

/** Buffers and byte arrays compare as the same bytes. */
const plain = (messages: readonly (WorkerMessage | CoordinatorMessage)[]): unknown =>
  messages.map((message) =>
    JSON.parse(
      JSON.stringify(message, function (this: { [key: string]: unknown }, key: string, value: unknown) {
        const original = this[key];
        return original instanceof Uint8Array ? `bytes:${Buffer.from(original).toString('base64')}` : value;
      }),
    ),
  );
