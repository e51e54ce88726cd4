import type { WorkerInfo } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import type { Hello__Output } from '../generated/skein/worker/v1/Hello.ts';
import type { WorkerInfo as WireWorkerInfo, WorkerInfo__Output } from '../generated/skein/worker/v1/WorkerInfo.ts';
import type {
  WorkerMessage as WireMessage,
  WorkerMessage__Output,
} from '../generated/skein/worker/v1/WorkerMessage.ts';
import { decodeCheckpoint, decodeMessagesPresented, decodeMessagesReceived, encodeCheckpoint } from './checkpoint.ts';
import {
  amountField,
  bad,
  bytesField,
  digestsField,
  idField,
  integerField,
  nameField,
  namesField,
  oneOfField,
  presentField,
} from './fields.ts';
import { decodeTaskRef, encodeTaskRef } from './shared-values.ts';
import { stepKinds } from './step-definition.ts';
import { decodeTaskResult, encodeTaskResult } from './task-result.ts';

const isolations: ReadonlySet<WorkerInfo['isolation']> = new Set(['none', 'uid', 'sandbox']);

/** The wire form of what a worker says. */
export const encodeWorkerMessage = (message: WorkerMessage): WireMessage => {
  switch (message.type) {
    case 'hello':
      return {
        hello: {
          protocolMin: message.protocol.min,
          protocolMax: message.protocol.max,
          worker: encodeWorkerInfo(message.worker),
          held: message.held as string[],
          running: message.running.map((task) => ({ task: encodeTaskRef(task), started: task.started })),
          unacknowledged: message.unacknowledged.map(encodeTaskRef),
          ...(message.gaveUp === undefined ? {} : { gaveUp: { tasks: message.gaveUp.map(encodeTaskRef) } }),
        },
      };
    case 'credits':
      return { credits: { free: message.free, offersSeen: message.offersSeen } };
    case 'received':
      return { received: { task: encodeTaskRef(message.task) } };
    case 'started':
      return { started: { task: encodeTaskRef(message.task) } };
    case 'log':
      return { log: { task: encodeTaskRef(message.task), bytes: message.bytes } };
    case 'result':
      return { result: encodeTaskResult(message.result) };
    case 'checkpoint':
      return { checkpoint: encodeCheckpoint(message) };
    case 'messages_received':
      return { messagesReceived: { task: encodeTaskRef(message.task), numbers: message.numbers as number[] } };
    case 'messages_presented':
      return {
        messagesPresented: {
          task: encodeTaskRef(message.task),
          numbers: message.numbers as number[],
          turn: message.turn,
        },
      };
    case 'heartbeat':
      return { heartbeat: { sentAtMs: message.sentAtMs, running: message.running } };
    case 'evicted':
      return { evicted: { digests: message.digests as string[] } };
    case 'draining':
      return { draining: {} };
    case 'goodbye':
      return { goodbye: {} };
  }
};

/** What a worker said, checked. Throws `invalid_argument`. */
export const decodeWorkerMessage = (wire: WorkerMessage__Output): WorkerMessage => {
  switch (wire.payload) {
    case 'hello':
      return decodeHello(presentField(wire.hello, 'hello'));
    case 'credits': {
      const credits = presentField(wire.credits, 'credits');
      return {
        type: 'credits',
        free: integerField(credits.free, 'credits.free'),
        offersSeen: integerField(credits.offersSeen, 'credits.offers_seen'),
      };
    }
    case 'received':
      return { type: 'received', task: decodeTaskRef(wire.received?.task, 'received.task') };
    case 'started':
      return { type: 'started', task: decodeTaskRef(wire.started?.task, 'started.task') };
    case 'log':
      return {
        type: 'log',
        task: decodeTaskRef(wire.log?.task, 'log.task'),
        bytes: bytesField(wire.log?.bytes, 'log.bytes'),
      };
    case 'result':
      return { type: 'result', result: decodeTaskResult(presentField(wire.result, 'result')) };
    case 'checkpoint':
      return decodeCheckpoint(presentField(wire.checkpoint, 'checkpoint'));
    case 'messagesReceived':
      return decodeMessagesReceived(presentField(wire.messagesReceived, 'messages_received'));
    case 'messagesPresented':
      return decodeMessagesPresented(presentField(wire.messagesPresented, 'messages_presented'));
    case 'heartbeat': {
      const heartbeat = presentField(wire.heartbeat, 'heartbeat');
      return {
        type: 'heartbeat',
        sentAtMs: amountField(heartbeat.sentAtMs, 'heartbeat.sent_at_ms'),
        running: integerField(heartbeat.running, 'heartbeat.running'),
      };
    }
    case 'evicted':
      return { type: 'evicted', digests: digestsField(wire.evicted?.digests, 'evicted.digests') };
    case 'draining':
      return { type: 'draining' };
    case 'goodbye':
      return { type: 'goodbye' };
    default:
      throw bad('payload', 'a known message');
  }
};

const decodeHello = (hello: Hello__Output): WorkerMessage => ({
  type: 'hello',
  protocol: {
    min: integerField(hello.protocolMin, 'hello.protocol_min'),
    max: integerField(hello.protocolMax, 'hello.protocol_max'),
  },
  worker: decodeWorkerInfo(presentField(hello.worker, 'hello.worker')),
  held: digestsField(hello.held, 'hello.held'),
  running: hello.running.map((held) => ({
    ...decodeTaskRef(held.task, 'hello.running'),
    started: held.started === true,
  })),
  unacknowledged: hello.unacknowledged.map((task) => decodeTaskRef(task, 'hello.unacknowledged')),
  ...(hello.gaveUp === null || hello.gaveUp === undefined
    ? {}
    : { gaveUp: hello.gaveUp.tasks.map((task) => decodeTaskRef(task, 'hello.gave_up')) }),
});

/** More than any version has. */
const maxFeatures = 64;

const featuresOf = (features: readonly string[]): readonly string[] => {
  if (features.length > maxFeatures) throw bad('hello.worker.features', `at most ${maxFeatures} names`);
  return features.map((feature) => nameField(feature, 'hello.worker.features'));
};

/** The wire form of what a worker is. */
export const encodeWorkerInfo = (worker: WorkerInfo): WireWorkerInfo => ({
  ...worker,
  kinds: [...worker.kinds],
  snapshotFormats: [...worker.snapshotFormats],
  features: [...(worker.features ?? [])],
});

/** What a worker is, as a peer sent it. Throws `invalid_argument`. */
export const decodeWorkerInfo = (worker: WorkerInfo__Output): WorkerInfo => ({
  workerId: idField(worker.workerId, 'hello.worker.worker_id'),
  incarnation: idField(worker.incarnation, 'hello.worker.incarnation'),
  labels: namesField(worker.labels, 'hello.worker.labels'),
  slots: integerField(worker.slots, 'hello.worker.slots'),
  kinds: worker.kinds.map((kind) => oneOfField(kind, 'hello.worker.kinds', stepKinds)),
  isolation: oneOfField(worker.isolation, 'hello.worker.isolation', isolations),
  snapshotFormats: worker.snapshotFormats.map((format) => integerField(format, 'hello.worker.snapshot_formats')),
  version: nameField(worker.version, 'hello.worker.version', true),
  hostname: nameField(worker.hostname, 'hello.worker.hostname', true),
  pid: integerField(worker.pid, 'hello.worker.pid'),
  ...(worker.features.length === 0 ? {} : { features: featuresOf(worker.features) }),
});
