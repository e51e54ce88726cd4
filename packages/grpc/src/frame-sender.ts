import { DomainError } from '@skein/domain';
import { framedLength, joinFrame } from './wire/frame.ts';

/**
 * Gathers encoded messages per event-loop turn into frames and hands them to a stream.
 *
 * F1 Order: messages leave in the order of `send`.
 * F2 Never blocks: past `maxBufferedBytes` (gathered, or written and not yet taken by the transport) it overflows once, and drops the rest.
 * F3 Frames stay below `frameBytes`, unless a single message is larger.
 * F4 At most `windowBytes` are in the stream's own hands, so that cutting it frees nearly everything.
 */
export interface FrameSenderOptions {
  readonly write: (frame: Buffer, taken: () => void) => void;
  readonly overflow: (error: DomainError) => void;
  readonly maxBufferedBytes: number;
  /** Largest single message. */
  readonly maxMessageBytes: number;
  readonly messagesGathered?: (messages: number) => void;
}

const frameBytes = 512 * 1024;
const windowBytes = 512 * 1024;

/** The sending half of one stream. */
export class FrameSender {
  readonly #options: FrameSenderOptions;
  #gathered: Buffer[] = [];
  #next = 0;
  #buffered = 0;
  #inFlight = 0;
  #scheduled = false;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: FrameSenderOptions) {
    this.#options = options;
  }

  /** Queues one encoded message; it leaves at the end of this turn if the transport keeps up. */
  send(message: Buffer): void {
    if (this.#closed) return;
    const { maxMessageBytes, maxBufferedBytes } = this.#options;
    if (message.length > maxMessageBytes) {
      this.#overflow(
        new DomainError('too_large', 'a message is larger than a control frame may be', {
          limit: maxMessageBytes,
          actual: message.length,
        }),
      );
      return;
    }
    this.#buffered += message.length;
    if (this.#buffered > maxBufferedBytes) {
      this.#overflow(
        new DomainError('resource_exhausted', 'the peer does not read its stream', { limit: maxBufferedBytes }),
      );
      return;
    }
    this.#gathered.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Takes no more messages; calls `done` once all earlier ones are in the stream's hands. */
  end(done: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drained = done;
    this.#flush();
  }

  /** Drops everything; nothing is written any more. */
  drop(): void {
    this.#closed = true;
    this.#gathered = [];
    this.#next = 0;
    this.#drained = undefined;
  }

  #overflow(error: DomainError): void {
    this.drop();
    this.#options.overflow(error);
  }

  #flush(): void {
    while (this.#next < this.#gathered.length && this.#inFlight < windowBytes) this.#writeFrame();
    if (this.#next < this.#gathered.length) return;
    this.#gathered = [];
    this.#next = 0;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  #writeFrame(): void {
    const from = this.#next;
    let framed = 0;
    let payload = 0;
    while (this.#next < this.#gathered.length) {
      const { length } = this.#gathered[this.#next] as Buffer;
      if (framed > 0 && framed + framedLength(length) > frameBytes) break;
      framed += framedLength(length);
      payload += length;
      this.#next++;
    }
    this.#inFlight += payload;
    const messages =
      from === 0 && this.#next === this.#gathered.length ? this.#gathered : this.#gathered.slice(from, this.#next);
    this.#options.messagesGathered?.(messages.length);
    this.#options.write(joinFrame(messages), () => {
      this.#inFlight -= payload;
      this.#buffered -= payload;
      if (!this.#scheduled && this.#next < this.#gathered.length) this.#flush();
    });
  }
}
