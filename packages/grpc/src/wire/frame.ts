import type { Result, Step } from '@skein/domain';
import { DomainError, err, isDomainError, ok } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import type {
  CoordinatorMessage__Output,
  CoordinatorMessage as WireCoordinatorMessage,
} from '../generated/skein/worker/v1/CoordinatorMessage.ts';
import type {
  WorkerMessage as WireWorkerMessage,
  WorkerMessage__Output,
} from '../generated/skein/worker/v1/WorkerMessage.ts';
import { messageType } from '../worker-protocol.ts';
import { decodeCoordinatorMessage, encodeCoordinatorMessage } from './coordinator-message.ts';
import { createStepDecoder, createStepEncoder } from './step-definition.ts';
import { decodeWorkerMessage, encodeWorkerMessage } from './worker-message.ts';

/**
 * Frames: the messages of one event-loop turn in one gRPC message (`repeated … messages = 1`).
 * A message is encoded when it is sent, so that its size is known at once; a frame is the encoded messages joined.
 */

/** One direction of the stream. `encode` gives one message's bytes; `decode` all messages of a frame, or why it was refused. */
export interface FrameCodec<Sent, Received> {
  readonly encode: (message: Sent) => Buffer;
  readonly decode: (frame: Buffer) => Result<readonly Received[], DomainError>;
}

/** Tag of field 1, length-delimited. */
const messageTag = 0x0a;

const workerMessage = messageType<WireWorkerMessage, WorkerMessage__Output>('WorkerMessage');
const coordinatorMessage = messageType<WireCoordinatorMessage, CoordinatorMessage__Output>('CoordinatorMessage');
const workRequest = messageType<never, { messages: WorkerMessage__Output[] }>('WorkRequest');
const workResponse = messageType<never, { messages: CoordinatorMessage__Output[] }>('WorkResponse');

const guarded =
  <T>(decode: (frame: Buffer) => T) =>
  (frame: Buffer): Result<T, DomainError> => {
    try {
      return ok(decode(frame));
    } catch (thrown) {
      if (isDomainError(thrown)) return err(thrown);
      return err(new DomainError('invalid_argument', 'the frame cannot be decoded', undefined, thrown));
    }
  };

/** A coordinator's codec. */
export interface ServerCodec extends FrameCodec<CoordinatorMessage, WorkerMessage> {
  /** An encoded offer of this step was not sent. */
  readonly unsent: (step: Step) => void;
}

/** The codec of one stream at a coordinator. Remembers the steps that it offered. */
export const createServerCodec = (): ServerCodec => {
  const { slotOf, unsent } = createStepEncoder();
  return {
    unsent,
    encode: (message) => coordinatorMessage.serialize(encodeCoordinatorMessage(message, slotOf)),
    decode: guarded((frame) => workRequest.deserialize(frame).messages.map(decodeWorkerMessage)),
  };
};

/** The codec of one stream at a worker. Remembers the steps that it was offered. */
export const createClientCodec = (): FrameCodec<WorkerMessage, CoordinatorMessage> => {
  const stepOf = createStepDecoder();
  return {
    encode: (message) => workerMessage.serialize(encodeWorkerMessage(message)),
    decode: guarded((frame) =>
      workResponse.deserialize(frame).messages.map((message) => decodeCoordinatorMessage(message, stepOf)),
    ),
  };
};

/** Bytes that a message of `length` takes in a frame. */
export const framedLength = (length: number): number => {
  let bytes = length + 2;
  for (let rest = length; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
};

/** One frame of these encoded messages. */
export const joinFrame = (messages: readonly Buffer[]): Buffer => {
  let total = 0;
  for (const message of messages) total += framedLength(message.length);
  const frame = Buffer.allocUnsafe(total);
  let at = 0;
  for (const message of messages) {
    frame[at++] = messageTag;
    let rest = message.length;
    while (rest > 0x7f) {
      frame[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    frame[at++] = rest;
    at += message.copy(frame, at);
  }
  return frame;
};
