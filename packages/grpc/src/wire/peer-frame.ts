import type { ErrorData, Result, Step, TaskRef } from '@skein/domain';
import { DomainError, err, isDomainError, ok } from '@skein/domain';
import type { PeerMessage } from '@skein/ports';
import type { PeerMessage__Output, PeerMessage as WirePeerMessage } from '../generated/skein/peer/v1/PeerMessage.ts';
import { peerMessageType } from '../peer-protocol.ts';
import { decodePeerMessage } from './decode-peer-message.ts';
import { encodePeerMessage } from './encode-peer-message.ts';
import { type HoldingsMessage, HoldingsParts, splitHoldings } from './holdings-parts.ts';
import { createStepDecoder, createStepEncoder, isCoordinatorKind } from './step-definition.ts';
import { failedResult } from './task-result.ts';

const peerMessage = peerMessageType<WirePeerMessage, PeerMessage__Output>('PeerMessage');
const talk = peerMessageType<never, { messages: PeerMessage__Output[] }>('TalkRequest');

/** Ids around an embedded message: what a worker's stream carried fits into a peer's frame too. */
export const peerEnvelopeBytes = 8 * 1024;

/** What came of a message that was to be sent. */
export type EncodedPeerMessage =
  | { readonly bytes: Buffer }
  /** Several messages, in order. */
  | { readonly parts: readonly Buffer[] }
  /** No peer stream can carry it: its task fails here, as if the worker had said so. */
  | { readonly answer: PeerMessage; readonly reason: ErrorData };

/** Both directions of one peer stream at one end. Remembers the steps that were offered either way, and what comes in parts. */
export interface PeerCodec {
  /** Throws `too_large` for a message that is not about one task and is larger than a frame. */
  readonly encode: (message: PeerMessage) => EncodedPeerMessage;
  readonly decode: (frame: Buffer) => Result<readonly PeerMessage[], DomainError>;
}

/** A codec for messages of at most `maxMessageBytes` and their envelopes. */
export const createPeerCodec = (maxMessageBytes: number): PeerCodec => {
  const { slotOf, unsent } = createStepEncoder();
  const stepOf = createStepDecoder();
  const limit = maxMessageBytes + peerEnvelopeBytes;
  const bytesOf = (message: PeerMessage): Buffer => peerMessage.serialize(encodePeerMessage(message, slotOf));
  const partsOf = (message: HoldingsMessage): readonly Buffer[] =>
    splitHoldings(message, maxMessageBytes / 2).map((part, index, { length }) => {
      const { holdings } = encodePeerMessage(part, slotOf);
      return peerMessage.serialize({ holdings: { ...holdings, more: index < length - 1 } });
    });
  const gathered = new HoldingsParts();
  const decodeOne = (wire: PeerMessage__Output): readonly PeerMessage[] => {
    const message = decodePeerMessage(wire, stepOf);
    if (message.type !== 'holdings') return [message];
    const whole = gathered.add(message, wire.holdings?.more === true);
    return whole === undefined ? [] : [whole];
  };
  const withheld = (message: PeerMessage, reason: ErrorData): EncodedPeerMessage => {
    if (message.type === 'to_worker' && message.message.type === 'offer')
      return { answer: failureOf(message, message.message.offer, reason), reason };
    if (message.type === 'from_worker' && message.message.type === 'result')
      return { bytes: bytesOf(failureOf(message, message.message.result, reason)) };
    throw new DomainError('too_large', reason.message, reason.details as never);
  };
  return {
    encode: (message) => {
      const step = offeredStep(message);
      if (step !== undefined && isCoordinatorKind(step.action.kind)) {
        const kind = step.action.kind;
        return withheld(message, {
          code: 'invalid_argument',
          message: `a "${kind}" step is carried out by the coordinator`,
        });
      }
      const bytes = bytesOf(message);
      if (bytes.length <= limit) return { bytes };
      if (message.type === 'holdings') return { parts: partsOf(message) };
      if (step !== undefined) unsent(step);
      return withheld(message, {
        code: 'too_large',
        message: `a message of type ${message.type} is larger than a frame may be`,
        details: { limit, actual: bytes.length },
      });
    },
    decode: (frame) => {
      try {
        return ok(talk.deserialize(frame).messages.flatMap(decodeOne));
      } catch (thrown) {
        if (isDomainError(thrown)) return err(thrown);
        return err(new DomainError('invalid_argument', 'the frame cannot be decoded', undefined, thrown));
      }
    },
  };
};

const offeredStep = (message: PeerMessage): Step | undefined =>
  message.type === 'to_worker' && message.message.type === 'offer' ? message.message.offer.definition : undefined;

const failureOf = (
  { workerId, sessionId }: { readonly workerId: string; readonly sessionId: string },
  task: TaskRef,
  error: ErrorData,
): PeerMessage => ({
  type: 'from_worker',
  workerId,
  sessionId,
  message: { type: 'result', result: failedResult(task, error) },
});
