import type { Step } from '@skein/domain';
import type { PeerMessage, PeerWorker, WorkerHoldings } from '@skein/ports';
import type { PeerMessage as WireMessage } from '../generated/skein/peer/v1/PeerMessage.ts';
import type { PeerWorker as WireWorker } from '../generated/skein/peer/v1/PeerWorker.ts';
import type { WorkerHoldings as WireHoldings } from '../generated/skein/peer/v1/WorkerHoldings.ts';
import { encodeCoordinatorMessage } from './coordinator-message.ts';
import { encodeTaskRef } from './shared-values.ts';
import type { StepSlot } from './step-definition.ts';
import { encodeWorkerInfo, encodeWorkerMessage } from './worker-message.ts';

/** The wire form of what one coordinator tells another. `slotOf` numbers the steps of offers. */
export const encodePeerMessage = (message: PeerMessage, slotOf: (step: Step) => StepSlot): WireMessage => {
  switch (message.type) {
    case 'peer_hello':
      return {
        peerHello: {
          protocolMin: message.protocol.min,
          protocolMax: message.protocol.max,
          coordinatorId: message.coordinatorId,
          incarnation: message.incarnation,
        },
      };
    case 'alive':
      return { alive: {} };
    case 'homes':
      return { homes: { homes: message.shards.map(({ shard, epoch }) => ({ shard, epoch })) } };
    case 'slots':
      return { slots: { free: message.free.map((free) => ({ ...free, kinds: [...free.kinds] })) } };
    case 'wish':
      return { wish: { wishes: message.wishes.map((wish) => ({ ...wish })) } };
    case 'grant': {
      const { workerId, sessionId, taskClass, count } = message;
      return { grant: { workerId, sessionId, taskClass, count } };
    }
    case 'give_back': {
      const { workerId, sessionId, count } = message;
      return { giveBack: { workerId, sessionId, count } };
    }
    case 'worker':
      return { worker: encodeWorker(message.worker) };
    case 'worker_gone': {
      const { workerId, sessionId, reason } = message;
      return { workerGone: { workerId, sessionId, reason } };
    }
    case 'holdings':
      return { holdings: { shards: [...message.shards], workers: message.workers.map(encodeHoldings) } };
    case 'from_worker': {
      const { workerId, sessionId } = message;
      return { fromWorker: { workerId, sessionId, message: encodeWorkerMessage(message.message) } };
    }
    case 'to_worker': {
      const { workerId, sessionId } = message;
      return { toWorker: { workerId, sessionId, message: encodeCoordinatorMessage(message.message, slotOf) } };
    }
    case 'exited':
      return { exited: { tenant: message.tenant, ...message.report } };
    case 'wake':
      return { wake: { runs: message.runs.map(({ tenant, runId }) => ({ tenant, runId })) } };
    case 'appended':
      return { appended: { runIds: [...message.runIds] } };
    case 'watching':
      return { watching: { runIds: [...message.runIds] } };
    case 'changed':
      return { changed: { tenant: message.tenant, what: message.what } };
    case 'leaving':
      return { leaving: {} };
  }
};

const encodeWorker = (worker: PeerWorker): WireWorker => ({
  tenant: worker.tenant,
  tokenId: worker.tokenId,
  worker: encodeWorkerInfo(worker.worker),
  sessionId: worker.sessionId,
  epoch: worker.epoch,
  snapshotFormat: worker.snapshotFormat,
  held: worker.held as string[],
  connectedAt: worker.connectedAt,
  draining: worker.draining,
  ...(worker.gaveUp === undefined ? {} : { gaveUp: { tasks: worker.gaveUp.map(encodeTaskRef) } }),
  ...(worker.holds === undefined ? {} : { holds: encodeHoldings({ workerId: '', sessionId: '', ...worker.holds }) }),
});

const encodeHoldings = (holdings: WorkerHoldings): WireHoldings => ({
  workerId: holdings.workerId,
  sessionId: holdings.sessionId,
  running: holdings.running.map((task) => ({ task: encodeTaskRef(task), started: task.started })),
  unacknowledged: holdings.unacknowledged.map(encodeTaskRef),
});
