import type { Step } from '@skein/domain';
import type { CoordinatorMessage } from '@skein/ports';
import { isCoordinatorAddress, maxCoordinators } from '../coordinator-address.ts';
import type {
  CoordinatorMessage__Output,
  CoordinatorMessage as WireMessage,
} from '../generated/skein/worker/v1/CoordinatorMessage.ts';
import type { Welcome__Output } from '../generated/skein/worker/v1/Welcome.ts';
import { decodeCheckpointRecorded } from './checkpoint.ts';
import {
  amountField,
  bad,
  cutText,
  idField,
  integerField,
  listField,
  nameField,
  oneOfField,
  presentField,
  textField,
} from './fields.ts';
import { decodeErrorData, decodeTaskRef, encodeErrorData, encodeTaskRef } from './shared-values.ts';
import type { StepSlot } from './step-definition.ts';
import { decodeTaskMessage, encodeTaskMessage } from './task-message.ts';
import { decodeTaskOffer, encodeTaskOffer } from './task-offer.ts';

type Outcome = Extract<CoordinatorMessage, { type: 'result_acknowledged' }>['outcome'];
const outcomes: ReadonlySet<Outcome> = new Set(['recorded', 'repeated', 'stale', 'conflict']);

/** The wire form of what a coordinator says. */
export const encodeCoordinatorMessage = (
  message: CoordinatorMessage,
  slotOf: (step: Step) => StepSlot,
): WireMessage => {
  switch (message.type) {
    case 'welcome':
      return {
        welcome: {
          protocol: message.protocol,
          sessionId: message.sessionId,
          coordinatorId: message.coordinatorId,
          serverTime: Math.round(message.serverTime),
          heartbeatMs: Math.round(message.heartbeatMs),
          leaseMs: Math.round(message.leaseMs),
          snapshotFormat: message.snapshotFormat,
          keep: message.keep.map(encodeTaskRef),
          ...(message.coordinators === undefined
            ? {}
            : { coordinators: message.coordinators.slice(0, maxCoordinators) }),
        },
      };
    case 'offer':
      return { offer: encodeTaskOffer(message.offer, slotOf) };
    case 'result_acknowledged':
      return { resultAcknowledged: { task: encodeTaskRef(message.task), outcome: message.outcome } };
    case 'heartbeat_answer':
      return { heartbeatAnswer: { sentAtMs: message.sentAtMs } };
    case 'checkpoint_recorded':
      return { checkpointRecorded: { task: encodeTaskRef(message.task), count: message.count } };
    case 'message':
      return { taskMessage: encodeTaskMessage(message) };
    case 'cancel':
      return { cancel: { task: encodeTaskRef(message.task), reason: cutText(message.reason) } };
    case 'revoke':
      return { revoke: { task: encodeTaskRef(message.task) } };
    case 'drain':
      return { drain: {} };
    case 'refused':
      return { refused: { error: encodeErrorData(message.error) } };
  }
};

/** What a coordinator said, checked. Throws `invalid_argument`. */
export const decodeCoordinatorMessage = (
  wire: CoordinatorMessage__Output,
  stepOf: (slot: unknown, text: unknown) => Step,
): CoordinatorMessage => {
  switch (wire.payload) {
    case 'welcome':
      return decodeWelcome(presentField(wire.welcome, 'welcome'));
    case 'offer':
      return { type: 'offer', offer: decodeTaskOffer(presentField(wire.offer, 'offer'), stepOf) };
    case 'resultAcknowledged': {
      const acknowledged = presentField(wire.resultAcknowledged, 'result_acknowledged');
      return {
        type: 'result_acknowledged',
        task: decodeTaskRef(acknowledged.task, 'result_acknowledged.task'),
        outcome: oneOfField(acknowledged.outcome, 'result_acknowledged.outcome', outcomes),
      };
    }
    case 'heartbeatAnswer':
      return {
        type: 'heartbeat_answer',
        sentAtMs: amountField(wire.heartbeatAnswer?.sentAtMs, 'heartbeat_answer.sent_at_ms'),
      };
    case 'checkpointRecorded':
      return decodeCheckpointRecorded(presentField(wire.checkpointRecorded, 'checkpoint_recorded'));
    case 'taskMessage':
      return decodeTaskMessage(presentField(wire.taskMessage, 'task_message'));
    case 'cancel':
      return {
        type: 'cancel',
        task: decodeTaskRef(wire.cancel?.task, 'cancel.task'),
        reason: textField(wire.cancel?.reason, 'cancel.reason'),
      };
    case 'revoke':
      return { type: 'revoke', task: decodeTaskRef(wire.revoke?.task, 'revoke.task') };
    case 'drain':
      return { type: 'drain' };
    case 'refused':
      return { type: 'refused', error: decodeErrorData(wire.refused?.error, 'refused.error') };
    default:
      throw bad('payload', 'a known message');
  }
};

const decodeWelcome = (welcome: Welcome__Output): CoordinatorMessage => ({
  type: 'welcome',
  protocol: integerField(welcome.protocol, 'welcome.protocol', 1),
  sessionId: idField(welcome.sessionId, 'welcome.session_id'),
  coordinatorId: nameField(welcome.coordinatorId, 'welcome.coordinator_id'),
  serverTime: integerField(welcome.serverTime, 'welcome.server_time'),
  heartbeatMs: integerField(welcome.heartbeatMs, 'welcome.heartbeat_ms', 1),
  leaseMs: integerField(welcome.leaseMs, 'welcome.lease_ms', 1),
  // 0 stands for a coordinator that does not know the field: it writes format 1.
  snapshotFormat: Math.max(1, integerField(welcome.snapshotFormat, 'welcome.snapshot_format')),
  keep: welcome.keep.map((task) => decodeTaskRef(task, 'welcome.keep')),
  ...(welcome.coordinators.length === 0 ? {} : { coordinators: addressesField(welcome.coordinators) }),
});

/** At most 32; a longer list, or what is no `HOST:PORT`, is refused. */
const addressesField = (addresses: readonly unknown[]): string[] => {
  if (addresses.length > maxCoordinators) throw bad('welcome.coordinators', `at most ${maxCoordinators} addresses`);
  return listField(addresses, 'welcome.coordinators', (address, field) => {
    if (!isCoordinatorAddress(address)) throw bad(field, 'HOST:PORT');
    return address;
  });
};
