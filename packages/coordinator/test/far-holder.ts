import type { CoordinatorMessage, PeerMessage, PeerWorker, StreamLink } from '@skein/ports';
import { createNodeHasher, type FleetScene } from '@skein/testkit';

export const allShards: readonly number[] = Array.from({ length: 256 }, (_, shard) => shard);

/** A worker whose stream ends at another coordinator. */
export const farWorker: PeerWorker = {
  tenant: 'default',
  tokenId: 'tok_join',
  worker: {
    workerId: 'wrk_far',
    incarnation: 'far',
    labels: {},
    slots: 4,
    kinds: ['noop'],
    isolation: 'none',
    snapshotFormats: [1],
    version: '0.0.0',
    hostname: 'far',
    pid: 1,
  },
  // Its end tells one process from another.
  sessionId: `ses_far.${createNodeHasher().digest('far').slice(-12)}`,
  epoch: 1,
  snapshotFormat: 1,
  held: [],
  connectedAt: 0,
  draining: false,
  gaveUp: [],
};

/** How messages name it. */
export const far = { workerId: farWorker.worker.workerId, sessionId: farWorker.sessionId };

type Told<T extends CoordinatorMessage['type']> = Extract<CoordinatorMessage, { readonly type: T }>;

/** What coordinator `a` sees of the one that holds the stream of a worker, and that does only what a test tells it. */
export interface Holder {
  readonly link: StreamLink<PeerMessage>;
  readonly received: readonly PeerMessage[];
  /** What the worker was to be told. */
  readonly told: () => readonly CoordinatorMessage[];
  readonly offers: () => readonly Told<'offer'>['offer'][];
  readonly revoked: () => readonly Told<'revoke'>['task'][];
}

/** Opens the stream of such a coordinator, named `z`, to `a`. */
export const holderAt = (scene: FleetScene): Holder => {
  const received: PeerMessage[] = [];
  const link = scene
    .of('a')
    .api.peerGateway.openPeerStream(
      { secret: 'secret of the fleet' },
      { onMessage: (message) => received.push(message), onClosed: () => undefined },
    );
  link.send({ type: 'peer_hello', protocol: { min: 1, max: 1 }, coordinatorId: 'z', incarnation: 'i' });
  const told = (): readonly CoordinatorMessage[] =>
    received.flatMap((message) => (message.type === 'to_worker' ? [message.message] : []));
  return {
    link,
    received,
    told,
    offers: () => told().flatMap((message) => (message.type === 'offer' ? [message.offer] : [])),
    revoked: () => told().flatMap((message) => (message.type === 'revoke' ? [message.task] : [])),
  };
};
