import type { PeerMessage, StreamLink } from '@skein/ports';
import { type FleetScene, sampleCounts } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

const hello = (coordinatorId = 'z', protocol = { min: 1, max: 1 }): PeerMessage => ({
  type: 'peer_hello',
  protocol,
  coordinatorId,
  incarnation: 'i',
});

/** A peer that does only what a test tells it. */
const talk = (secret = 'secret of the fleet') => {
  const received: PeerMessage[] = [];
  const closed: (string | undefined)[] = [];
  const link: StreamLink<PeerMessage> = scene.of('a').api.peerGateway.openPeerStream(
    { secret },
    {
      onMessage: (message) => received.push(message),
      onClosed: (error) => closed.push(error?.code),
    },
  );
  return { link, received, closed };
};

describe('the door for peers', () => {
  test('is closed to whoever shows another secret, for streams and for calls', async () => {
    scene = await openPeers(['a']);
    expect(talk('another').closed).toEqual(['permission_denied']);
    expect(talk('').closed).toEqual(['permission_denied']);
    const { peerGateway } = scene.of('a').api;
    await expect(peerGateway.callPeer({ secret: 'x' }, { method: 'getRun', args: [] })).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });

  test('is closed to everybody where no secret is set', async () => {
    scene = await openPeers([]);
    await scene.start('a', { peerSecret: '' });
    expect(talk('').closed).toEqual(['permission_denied']);
  });

  test('wants hello first, once, in a version that both speak, and from another coordinator', async () => {
    scene = await openPeers(['a']);
    const rude = talk();
    rude.link.send({ type: 'alive' });
    const twice = talk();
    twice.link.send(hello());
    twice.link.send(hello());
    const later = talk();
    later.link.send(hello('y', { min: 7, max: 9 }));
    const mirror = talk();
    mirror.link.send(hello('a'));
    expect([rude, twice, later, mirror].map(({ closed }) => closed)).toEqual([
      ['invalid_argument'],
      ['invalid_argument'],
      ['unimplemented'],
      ['invalid_argument'],
    ]);
    const silent = talk();
    await scene.clock.advance(2_100);
    expect(silent.closed).toEqual(['unavailable']);
  });

  test('a message of a later version is counted, and ignored', async () => {
    const { counts, meter } = sampleCounts();
    scene = await openPeers(['a'], { deps: () => ({ meter }) });
    const peer = talk();
    peer.link.send(hello());
    peer.link.send({ type: 'of a later version' } as unknown as PeerMessage);
    expect(counts()['skein_peer_messages_unknown_total']).toBe(1);
    expect(peer.closed).toEqual([]);
  });

  test('begins with hello, homes and workers, and ends an older stream of the same coordinator', async () => {
    scene = await openPeers(['a']);
    await scene.join('a');
    const first = talk();
    first.link.send(hello());
    expect(first.received.map(({ type }) => type)).toEqual(['peer_hello', 'homes', 'worker']);
    const second = talk();
    second.link.send(hello());
    expect([first.closed, second.closed]).toEqual([['unavailable'], []]);
  });

  test('a peer that says nothing for a second is given up, one that says that it lives is not', async () => {
    scene = await openPeers(['a']);
    const [silent, lively] = [talk(), talk()];
    silent.link.send(hello('y'));
    lively.link.send(hello('z'));
    for (let count = 0; count < 8; count += 1) {
      await scene.clock.advance(200);
      lively.link.send({ type: 'alive' });
    }
    expect([silent.closed, lively.closed]).toEqual([['unavailable'], []]);
    expect(lively.received.filter(({ type }) => type === 'alive').length).toBeGreaterThanOrEqual(5);
  });

  test('nonsense of a peer ends its own stream only', async () => {
    scene = await openPeers(['a']);
    const worker = await scene.join('a');
    const bad = talk();
    bad.link.send(hello());
    bad.link.send({ type: 'worker', worker: null } as unknown as PeerMessage);
    expect(bad.closed).toEqual(['internal']);
    await scene.submit('a', 'single');
    await pass(scene, 50, worker);
    expect(worker.offers).toHaveLength(1);
  });
});

describe('reaching the others', () => {
  const streams = () => scene.passed.filter(({ message }) => message.type === 'peer_hello');

  test('of two coordinators the one with the lesser id opens the one stream between them', async () => {
    scene = await openPeers([]);
    for (const id of ['b', 'a', 'c']) await scene.start(id);
    await scene.clock.advance(2_000);
    const pairs = streams().map(({ from, to }) => `${from} ${to}`);
    expect(pairs.toSorted()).toEqual(['a b', 'a c', 'b a', 'b c', 'c a', 'c b']);
  });

  test('a stream that breaks is opened again, less and less often while that fails', async () => {
    scene = await openPeers(['a', 'b']);
    scene.network.break('a', 'b');
    await scene.clock.advance(200);
    expect(streams()).toHaveLength(2);
    scene.passed.length = 0;
    scene.network.partition('a', 'b');
    await scene.clock.advance(10_000);
    expect(scene.network.refused).toBeGreaterThan(5);
    expect(scene.network.refused).toBeLessThan(20);
    scene.network.heal();
    await scene.clock.advance(2_500);
    expect(streams()).toHaveLength(2);
  });

  test('a coordinator that was stopped and goes on keeps its streams, unless the others gave it up', async () => {
    scene = await openPeers(['a', 'b']);
    await scene.freeze('a', 600);
    await scene.clock.advance(500);
    expect(streams()).toEqual([]);
    await scene.freeze('a', 3_000);
    await scene.clock.advance(4_000);
    expect(streams()).toHaveLength(2);
  });
});
