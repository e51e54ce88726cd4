import { type Step, shardCount } from '@skein/domain';
import type {
  CoordinatorMessage,
  FreeSlots,
  PeerMessage,
  PeerWorker,
  SlotWish,
  WorkerGone,
  WorkerHoldings,
  WorkerMessage,
} from '@skein/ports';
import type { Exited__Output } from '../generated/skein/peer/v1/Exited.ts';
import type { FreeSlots__Output } from '../generated/skein/peer/v1/FreeSlots.ts';
import type { PeerMessage__Output } from '../generated/skein/peer/v1/PeerMessage.ts';
import type { PeerWorker__Output } from '../generated/skein/peer/v1/PeerWorker.ts';
import type { SlotWish__Output } from '../generated/skein/peer/v1/SlotWish.ts';
import type { WorkerHoldings__Output } from '../generated/skein/peer/v1/WorkerHoldings.ts';
import { decodeCoordinatorMessage } from './coordinator-message.ts';
import {
  bad,
  digestField,
  digestsField,
  idField,
  integerField,
  listField,
  nameField,
  namesField,
  oneOfField,
  presentField,
  textField,
} from './fields.ts';
import { decodeTaskRef } from './shared-values.ts';
import { stepKinds } from './step-definition.ts';
import { decodeWorkerInfo, decodeWorkerMessage } from './worker-message.ts';

const reasons: ReadonlySet<WorkerGone> = new Set(['stream_broke', 'silent', 'lapsed', 'exited', 'drained', 'moved']);
const changes: ReadonlySet<Extract<PeerMessage, { type: 'changed' }>['what']> = new Set([
  'project',
  'tokens',
  'rollouts',
]);
/** What is between a worker and its holder alone. */
const ofTheHolder: ReadonlySet<WorkerMessage['type']> = new Set(['hello', 'credits', 'heartbeat', 'goodbye']);
const byTheHolder: ReadonlySet<CoordinatorMessage['type']> = new Set(['welcome', 'heartbeat_answer', 'refused']);

/** What another coordinator said, checked. Throws `invalid_argument`. */
export const decodePeerMessage = (
  wire: PeerMessage__Output,
  stepOf: (slot: unknown, text: unknown) => Step,
): PeerMessage => {
  switch (wire.payload) {
    case 'peerHello': {
      const hello = presentField(wire.peerHello, 'peer_hello');
      return {
        type: 'peer_hello',
        protocol: {
          min: integerField(hello.protocolMin, 'peer_hello.protocol_min'),
          max: integerField(hello.protocolMax, 'peer_hello.protocol_max'),
        },
        coordinatorId: nameField(hello.coordinatorId, 'peer_hello.coordinator_id'),
        incarnation: nameField(hello.incarnation, 'peer_hello.incarnation'),
      };
    }
    case 'alive':
      return { type: 'alive' };
    case 'homes':
      return {
        type: 'homes',
        shards: presentField(wire.homes, 'homes').homes.map(({ shard, epoch }) => ({
          shard: shardField(shard, 'homes.shard'),
          epoch: integerField(epoch, 'homes.epoch'),
        })),
      };
    case 'slots':
      return { type: 'slots', free: presentField(wire.slots, 'slots').free.map(decodeFreeSlots) };
    case 'wish':
      return { type: 'wish', wishes: presentField(wire.wish, 'wish').wishes.map(decodeWish) };
    case 'grant': {
      const grant = presentField(wire.grant, 'grant');
      return {
        type: 'grant',
        ...sessionOf(grant, 'grant'),
        taskClass: textField(grant.taskClass, 'grant.task_class'),
        count: integerField(grant.count, 'grant.count', 1),
      };
    }
    case 'giveBack': {
      const back = presentField(wire.giveBack, 'give_back');
      return {
        type: 'give_back',
        ...sessionOf(back, 'give_back'),
        count: integerField(back.count, 'give_back.count', 1),
      };
    }
    case 'worker':
      return { type: 'worker', worker: decodeWorker(presentField(wire.worker, 'worker')) };
    case 'workerGone': {
      const gone = presentField(wire.workerGone, 'worker_gone');
      return {
        type: 'worker_gone',
        ...sessionOf(gone, 'worker_gone'),
        reason: oneOfField(gone.reason, 'worker_gone.reason', reasons),
      };
    }
    case 'holdings': {
      const holdings = presentField(wire.holdings, 'holdings');
      return {
        type: 'holdings',
        shards: holdings.shards.map((shard) => shardField(shard, 'holdings.shards')),
        workers: holdings.workers.map(decodeHoldings),
      };
    }
    case 'fromWorker': {
      const from = presentField(wire.fromWorker, 'from_worker');
      const message = decodeWorkerMessage(presentField(from.message, 'from_worker.message'));
      if (ofTheHolder.has(message.type)) throw bad('from_worker.message', 'about a task');
      return { type: 'from_worker', ...sessionOf(from, 'from_worker'), message };
    }
    case 'toWorker': {
      const to = presentField(wire.toWorker, 'to_worker');
      const message = decodeCoordinatorMessage(presentField(to.message, 'to_worker.message'), stepOf);
      if (byTheHolder.has(message.type)) throw bad('to_worker.message', 'about a task');
      return { type: 'to_worker', ...sessionOf(to, 'to_worker'), message };
    }
    case 'exited':
      return decodeExited(presentField(wire.exited, 'exited'));
    case 'wake':
      return {
        type: 'wake',
        runs: presentField(wire.wake, 'wake').runs.map(({ tenant, runId }) => ({
          tenant: nameField(tenant, 'wake.tenant'),
          runId: idField(runId, 'wake.run_id'),
        })),
      };
    case 'appended':
      return { type: 'appended', runIds: listField(wire.appended?.runIds, 'appended.run_ids', idField) };
    case 'watching':
      return { type: 'watching', runIds: listField(wire.watching?.runIds, 'watching.run_ids', idField) };
    case 'changed': {
      const changed = presentField(wire.changed, 'changed');
      return {
        type: 'changed',
        tenant: nameField(changed.tenant, 'changed.tenant'),
        what: oneOfField(changed.what, 'changed.what', changes),
      };
    }
    case 'leaving':
      return { type: 'leaving' };
    default:
      throw bad('payload', 'a known message');
  }
};

const shardField = (value: unknown, field: string): number => {
  const shard = integerField(value, field);
  if (shard >= shardCount) throw bad(field, `a shard below ${shardCount}`);
  return shard;
};

const sessionOf = (
  named: { readonly workerId: string; readonly sessionId: string },
  field: string,
): { readonly workerId: string; readonly sessionId: string } => ({
  workerId: idField(named.workerId, `${field}.worker_id`),
  sessionId: idField(named.sessionId, `${field}.session_id`),
});

const decodeFreeSlots = (free: FreeSlots__Output): FreeSlots => ({
  tenant: nameField(free.tenant, 'slots.tenant'),
  labels: namesField(free.labels, 'slots.labels'),
  kinds: free.kinds.map((kind) => oneOfField(kind, 'slots.kinds', stepKinds)),
  free: integerField(free.free, 'slots.free'),
});

const decodeWish = (wish: SlotWish__Output): SlotWish => {
  if (!Number.isFinite(wish.priority)) throw bad('wish.priority', 'a finite number');
  return {
    taskClass: textField(wish.taskClass, 'wish.task_class'),
    tenant: nameField(wish.tenant, 'wish.tenant'),
    kind: oneOfField(wish.kind, 'wish.kind', stepKinds),
    selector: namesField(wish.selector, 'wish.selector'),
    count: integerField(wish.count, 'wish.count'),
    priority: wish.priority,
    ...(wish.snapshot === undefined ? {} : { snapshot: digestField(wish.snapshot, 'wish.snapshot') }),
  };
};

const decodeWorker = (worker: PeerWorker__Output): PeerWorker => ({
  tenant: nameField(worker.tenant, 'worker.tenant'),
  tokenId: nameField(worker.tokenId, 'worker.token_id'),
  worker: decodeWorkerInfo(presentField(worker.worker, 'worker.worker')),
  sessionId: idField(worker.sessionId, 'worker.session_id'),
  epoch: integerField(worker.epoch, 'worker.epoch'),
  snapshotFormat: integerField(worker.snapshotFormat, 'worker.snapshot_format'),
  held: digestsField(worker.held, 'worker.held'),
  connectedAt: instantField(worker.connectedAt, 'worker.connected_at'),
  draining: worker.draining === true,
  ...(worker.gaveUp === null || worker.gaveUp === undefined
    ? {}
    : { gaveUp: worker.gaveUp.tasks.map((task) => decodeTaskRef(task, 'worker.gave_up')) }),
  ...(worker.holds === null || worker.holds === undefined ? {} : { holds: decodeHeld(worker.holds) }),
});

const instantField = (value: unknown, field: string): number => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw bad(field, 'a finite number');
  return value;
};

const decodeHoldings = (holdings: WorkerHoldings__Output): WorkerHoldings => ({
  ...sessionOf(holdings, 'holdings'),
  ...decodeHeld(holdings),
});

const decodeHeld = (holdings: WorkerHoldings__Output): NonNullable<PeerWorker['holds']> => ({
  running: holdings.running.map((held) => ({
    ...decodeTaskRef(held.task, 'holdings.running'),
    started: held.started === true,
  })),
  unacknowledged: holdings.unacknowledged.map((task) => decodeTaskRef(task, 'holdings.unacknowledged')),
});

const decodeExited = (exited: Exited__Output): PeerMessage => ({
  type: 'exited',
  tenant: nameField(exited.tenant, 'exited.tenant'),
  report: {
    incarnation: idField(exited.incarnation, 'exited.incarnation'),
    ...(exited.workerId === undefined ? {} : { workerId: idField(exited.workerId, 'exited.worker_id') }),
    ...(exited.exitCode === undefined
      ? {}
      : { exitCode: integerField(exited.exitCode, 'exited.exit_code', -(2 ** 31)) }),
    ...(exited.signal === undefined ? {} : { signal: nameField(exited.signal, 'exited.signal') }),
  },
});
