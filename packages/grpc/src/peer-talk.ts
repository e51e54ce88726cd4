import { DomainError, isDomainError } from '@skein/domain';
import type { Log, PeerMessage } from '@skein/ports';
import { FrameSender } from './frame-sender.ts';
import type { GrpcLimits } from './limits.ts';
import { createPeerCodec, peerEnvelopeBytes } from './wire/peer-frame.ts';

/**
 * What both ends of a peer stream do alike: messages to frames and back.
 *
 * T1 The first message of either side is `peer_hello`; it comes once.
 * T2 An offer or a result that no frame can carry fails its task, and the slot of the offer is given back; any other message that is too
 *    large cuts the stream.
 */
export interface PeerTalkDeps {
  readonly limits: GrpcLimits;
  readonly log: Log;
  readonly write: (frame: Buffer, taken: () => void) => void;
  readonly onMessage: (message: PeerMessage) => void;
  /** The other side cannot be talked to any more. */
  readonly cut: (error: DomainError) => void;
}

/** One end of a peer stream. */
export class PeerTalk {
  readonly #deps: PeerTalkDeps;
  readonly #sender: FrameSender;
  readonly #codec;
  #greeted = false;

  constructor(deps: PeerTalkDeps) {
    this.#deps = deps;
    this.#codec = createPeerCodec(deps.limits.maxMessageBytes);
    this.#sender = new FrameSender({
      maxBufferedBytes: deps.limits.maxBufferedBytes,
      maxMessageBytes: deps.limits.maxMessageBytes + peerEnvelopeBytes,
      write: deps.write,
      overflow: deps.cut,
    });
  }

  /** Never throws. */
  send(message: PeerMessage): void {
    const { log, onMessage, cut } = this.#deps;
    try {
      const encoded = this.#codec.encode(message);
      if ('bytes' in encoded) return this.#sender.send(encoded.bytes);
      if ('parts' in encoded) {
        for (const part of encoded.parts) this.#sender.send(part);
        return;
      }
      log.error('an offer cannot be passed on', { reason: encoded.reason.message, ...encoded.reason.details });
      // The slot that it was for is still held for us at the other side.
      if (message.type === 'to_worker') {
        const { workerId, sessionId } = message;
        this.send({ type: 'give_back', workerId, sessionId, count: 1 });
      }
      setImmediate(() => onMessage(encoded.answer));
    } catch (thrown) {
      log.error('a message to another coordinator could not be encoded', { type: message.type, cause: thrown });
      cut(isDomainError(thrown) ? thrown : new DomainError('internal', 'a message could not be encoded'));
    }
  }

  /** Throws `invalid_argument` for a frame that cannot be read. */
  receive(frame: Buffer): void {
    const decoded = this.#codec.decode(frame);
    if (!decoded.ok) throw decoded.error;
    for (const message of decoded.value) {
      if ((message.type === 'peer_hello') === this.#greeted)
        throw new DomainError('invalid_argument', this.#greeted ? 'a second hello' : 'the first message must be hello');
      this.#greeted = true;
      this.#deps.onMessage(message);
    }
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  /** Takes no more messages; calls `done` once all earlier ones are in the transport's hands. */
  end(done: () => void): void {
    this.#sender.end(done);
  }

  drop(): void {
    this.#sender.drop();
  }
}
