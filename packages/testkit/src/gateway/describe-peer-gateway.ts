import { DomainError, isDomainError } from '@skein/domain';
import type { PeerGateway, PeerMessage, StreamLink } from '@skein/ports';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sampleOffer, sampleResult } from './sample-messages.ts';
import { samplePeerHello, samplePeerMessages } from './sample-peer-messages.ts';
import { ScriptedPeer, scriptedSecret } from './scripted-peer.ts';

/** A peer gateway under test: the dialling end, in front of the given coordinator. */
export interface PeerGatewayUnderTest {
  readonly gateway: PeerGateway;
  /** Breaks every open stream as a lost peer would; absent when the gateway cannot lose one. */
  readonly losePeer?: () => Promise<void>;
  close(): Promise<void>;
}

const patience = { timeout: 20_000, interval: 5 };
const credentials = { secret: scriptedSecret };

/** The dialling end of one stream, remembered. */
class Ear {
  readonly messages: PeerMessage[] = [];
  readonly ends: (DomainError | undefined)[] = [];
  afterEnd = 0;

  readonly onMessage = (message: PeerMessage): void => {
    if (this.ends.length > 0) this.afterEnd++;
    this.messages.push(message);
  };

  readonly onClosed = (error?: DomainError): void => {
    this.ends.push(error);
  };
}

/** What every gateway between two coordinators must do. `make` puts one in front of the peer that it is given. */
export const describePeerGateway = (name: string, make: (peer: PeerGateway) => Promise<PeerGatewayUnderTest>): void => {
  describe(`peer gateway: ${name}`, () => {
    let peer: ScriptedPeer;
    let subject: PeerGatewayUnderTest;

    beforeEach(async () => {
      peer = new ScriptedPeer();
      subject = await make(peer);
    });
    afterEach(() => subject.close());

    const open = (secret = scriptedSecret): { readonly ear: Ear; readonly link: StreamLink<PeerMessage> } => {
      const ear = new Ear();
      return { ear, link: subject.gateway.openPeerStream({ secret }, ear) };
    };
    const received = (stream = 0): readonly PeerMessage[] => peer.streams[stream]?.received ?? [];
    const call = (method: string, ...args: never[]) => subject.gateway.callPeer(credentials, { method, args });
    const failure = async (promise: Promise<unknown>): Promise<DomainError> => {
      const thrown = await promise.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!isDomainError(thrown)) throw new Error('the call did not fail with a DomainError', { cause: thrown });
      return thrown;
    };

    test('carries every message unchanged and in order, both ways', async () => {
      const { ear, link } = open();
      const sent = samplePeerMessages();
      peer.onMessage = (stream, message) => {
        if (message.type === 'peer_hello') for (const each of sent) stream.send(each);
      };
      for (const message of sent) link.send(message);
      await expect.poll(() => [received().length, ear.messages.length], patience).toEqual([sent.length, sent.length]);
      expect(plain(received())).toEqual(plain(sent));
      expect(plain(ear.messages)).toEqual(plain(sent));
    });

    test('delivers nothing in the turn in which it was sent', async () => {
      const { ear, link } = open();
      peer.onMessage = (stream) => stream.send(samplePeerHello('beta'));
      link.send(samplePeerHello());
      expect([received().length, ear.messages.length]).toEqual([0, 0]);
      await expect.poll(() => ear.messages.length, patience).toBe(1);
    });

    test('keeps the order of thousands of messages sent in one turn', async () => {
      const { link } = open();
      link.send(samplePeerHello());
      for (let index = 0; index < 4_000; index++)
        link.send({
          type: 'from_worker',
          workerId: 'wrk_1',
          sessionId: 'ses_1',
          message: { type: 'result', result: sampleResult(index) },
        });
      await expect.poll(() => received().length, { ...patience, timeout: 20_000 }).toBe(4_001);
      const tokens = received().flatMap((message) =>
        message.type === 'from_worker' && message.message.type === 'result' ? [message.message.result.token] : [],
      );
      expect(tokens).toEqual(Array.from({ length: 4_000 }, (_, index) => 10 + index));
    }, 30_000);

    test('carries an offer as large as a worker may get', async () => {
      const { ear, link } = open();
      const sent: PeerMessage[] = [700 * 1024, 1_040_000, 1].map((bytes, index) => ({
        type: 'to_worker',
        workerId: 'wrk_1',
        sessionId: 'ses_1',
        message: { type: 'offer', offer: sampleOffer(index, bytes) },
      }));
      peer.onMessage = (stream) => {
        for (const message of [samplePeerHello('beta'), ...sent]) stream.send(message);
      };
      link.send(samplePeerHello());
      await expect.poll(() => ear.messages.length, patience).toBe(4);
      expect(plain(ear.messages.slice(1))).toEqual(plain(sent));
    });

    test('delivers earlier messages before an orderly end by either side, and ends both once', async () => {
      const dialled = open();
      dialled.link.send(samplePeerHello());
      for (let index = 0; index < 100; index++) dialled.link.send({ type: 'alive' });
      dialled.link.close();
      dialled.link.close();
      dialled.link.send({ type: 'leaving' });
      await expect.poll(() => dialled.ear.ends, patience).toEqual([undefined]);
      expect(received().length).toBe(101);
      expect(peer.streams[0]?.closed).toEqual({});

      const { ear, link } = open();
      peer.onMessage = (stream) => {
        stream.send(samplePeerHello('beta'));
        for (let index = 0; index < 100; index++) stream.send({ type: 'alive' });
        stream.close(new DomainError('unavailable', 'moved away', { reason: 'test' }));
        stream.send({ type: 'leaving' });
      };
      link.send(samplePeerHello());
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect([ear.messages.length, ear.afterEnd]).toEqual([101, 0]);
      expect(ear.ends[0]).toMatchObject({
        code: 'unavailable',
        message: 'moved away',
        details: { reason: 'test' },
      });
    });

    test('lets nobody in with another secret', async () => {
      for (const secret of ['wrong', `${scriptedSecret} `, '']) {
        const { ear } = open(secret);
        await expect.poll(() => ear.ends.length, patience).toBe(1);
        expect(ear.ends[0]?.code).toBe('permission_denied');
        const refused = await failure(subject.gateway.callPeer({ secret }, { method: 'm', args: [] }));
        expect(refused.code).toBe('permission_denied');
      }
      expect([peer.streams.length, peer.calls.length]).toEqual([0, 0]);
    });

    test('keeps streams apart', async () => {
      const first = open();
      const second = open();
      first.link.send(samplePeerHello());
      second.link.send(samplePeerHello('gamma'));
      await expect.poll(() => received(0).length + received(1).length, patience).toBe(2);
      first.link.close();
      await expect.poll(() => first.ear.ends.length, patience).toBe(1);
      second.link.send({ type: 'alive' });
      await expect.poll(() => received(0).length + received(1).length, patience).toBe(3);
      expect(second.ear.ends).toEqual([]);
    });

    test('carries calls and their answers', async () => {
      const args = [null, 'ünï', { deep: [1, { two: false }] }, 1.5] as never[];
      expect(await call('cancelRun', ...args)).toEqual(['cancelRun', ...args]);
      peer.onCall = () => null;
      expect(await call('nothing')).toBe(null);
      peer.onCall = () => 'x'.repeat(900_000);
      expect(await call('much')).toBe('x'.repeat(900_000));
    });

    test('passes on the typed refusals of calls', async () => {
      peer.onCall = () => {
        throw new DomainError('mailbox_full', 'no room', { depth: 3, oldestAgeMs: 5 });
      };
      expect(await failure(call('sendMessage'))).toMatchObject({
        code: 'mailbox_full',
        message: 'no room',
        details: { depth: 3, oldestAgeMs: 5 },
      });
    });

    test('ends a call when its caller aborts, at both ends', async () => {
      peer.onCall = () => 'hold';
      const abort = new AbortController();
      const waiting = failure(subject.gateway.callPeer(credentials, { method: 'm', args: [] }, abort.signal));
      await expect.poll(() => peer.waiting, patience).toBe(1);
      abort.abort(new DomainError('cancelled', 'enough'));
      expect((await waiting).code).toBe('cancelled');
      await expect.poll(() => peer.waiting, patience).toBe(0);
    });

    test('ends a stream once, with an error, when the peer is gone', async ({ skip }) => {
      const { losePeer } = subject;
      if (losePeer === undefined) return skip('this gateway cannot lose its peer');
      const { ear, link } = open();
      link.send(samplePeerHello());
      await expect.poll(() => received().length, patience).toBe(1);
      await losePeer();
      await expect.poll(() => ear.ends.length, patience).toBe(1);
      expect(ear.ends[0]?.code).toBe('unavailable');
      expect(peer.streams[0]?.closed?.error?.code).toBe('unavailable');
      link.send({ type: 'alive' });
      link.close();
      expect((await failure(call('late'))).code).toBe('unavailable');
      expect(ear.ends.length).toBe(1);
    });
  });
};

/** Buffers and byte arrays compare as the same bytes. */
const plain = (messages: readonly PeerMessage[]): unknown =>
  messages.map((message) =>
    JSON.parse(
      JSON.stringify(message, function (this: { [key: string]: unknown }, key: string, value: unknown) {
        const original = this[key];
        return original instanceof Uint8Array ? `bytes:${Buffer.from(original).toString('base64')}` : value;
      }),
    ),
  );
