import type { PeerMessage } from '@skein/ports';
import {
  sampleCoordinatorMessages,
  sampleDigest,
  sampleHello,
  sampleTask,
  sampleWorkerMessages,
} from './sample-messages.ts';

const worker = { workerId: 'wrk_1', sessionId: 'ses_1' };

/** The first message of a peer. */
export const samplePeerHello = (coordinatorId = 'alpha'): PeerMessage => ({
  type: 'peer_hello',
  protocol: { min: 1, max: 1 },
  coordinatorId,
  incarnation: 'inc_1',
});

/** One message of every type that peers may send, and of every form; the hello first. */
export const samplePeerMessages = (): readonly PeerMessage[] => {
  const hello = sampleHello();
  if (hello.type !== 'hello') throw new Error('no hello');
  const described = {
    tenant: 'default',
    tokenId: 'tok_1',
    worker: hello.worker,
    sessionId: 'ses_1',
    epoch: 7,
    snapshotFormat: 2,
    held: [sampleDigest(1)],
    connectedAt: 1_700_000_000_123.5,
    draining: false,
  };
  return [
    samplePeerHello(),
    { type: 'alive' },
    { type: 'homes', shards: [0, 255].map((shard) => ({ shard, epoch: shard + 1 })) },
    { type: 'homes', shards: [] },
    { type: 'slots', free: [{ tenant: 'default', labels: { zone: 'a' }, kinds: ['shell', 'agent'], free: 3 }] },
    {
      type: 'wish',
      wishes: [
        {
          taskClass: 'default shell {"zone":"a"}',
          tenant: 'default',
          kind: 'shell',
          selector: { zone: 'a' },
          count: 12,
          priority: -3,
          snapshot: sampleDigest(2),
        },
        { taskClass: 'default agent', tenant: 'default', kind: 'agent', selector: {}, count: 0, priority: 0 },
      ],
    },
    { type: 'grant', ...worker, taskClass: 'default shell', count: 2 },
    { type: 'give_back', ...worker, count: 1 },
    { type: 'worker', worker: described },
    { type: 'worker', worker: { ...described, draining: true, gaveUp: [sampleTask(3)] } },
    { type: 'worker', worker: { ...described, gaveUp: [] } },
    {
      type: 'worker',
      worker: {
        ...described,
        holds: { running: [{ ...sampleTask(1), started: true }], unacknowledged: [sampleTask(2)] },
      },
    },
    { type: 'worker', worker: { ...described, holds: { running: [], unacknowledged: [] } } },
    ...(['stream_broke', 'silent', 'lapsed', 'exited', 'drained', 'moved'] as const).map(
      (reason): PeerMessage => ({ type: 'worker_gone', ...worker, reason }),
    ),
    {
      type: 'holdings',
      shards: [1, 2],
      workers: [
        {
          ...worker,
          running: [
            { ...sampleTask(1), started: true },
            { ...sampleTask(2), started: false },
          ],
          unacknowledged: [sampleTask(3)],
        },
      ],
    },
    { type: 'holdings', shards: [], workers: [] },
    ...sampleWorkerMessages()
      .filter(({ type }) => !['hello', 'credits', 'heartbeat', 'goodbye'].includes(type))
      .map((message): PeerMessage => ({ type: 'from_worker', ...worker, message })),
    ...sampleCoordinatorMessages()
      .filter(({ type }) => !['welcome', 'heartbeat_answer', 'refused'].includes(type))
      .map((message): PeerMessage => ({ type: 'to_worker', ...worker, message })),
    { type: 'exited', tenant: 'default', report: { incarnation: 'lch_1', workerId: 'wrk_1', exitCode: -9 } },
    { type: 'exited', tenant: 'default', report: { incarnation: 'lch_2', signal: 'SIGKILL' } },
    { type: 'wake', runs: [{ tenant: 'default', runId: sampleTask().runId }] },
    { type: 'appended', runIds: [sampleTask().runId] },
    { type: 'watching', runIds: [] },
    ...(['project', 'tokens', 'rollouts'] as const).map(
      (what): PeerMessage => ({ type: 'changed', tenant: 'default', what }),
    ),
    { type: 'leaving' },
  ];
};
