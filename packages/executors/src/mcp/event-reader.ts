import { DomainError } from '@skein/domain';
import { BoundedLines } from './bounded-lines.ts';

/**
 * Reads server-sent events: the data of each event of type `message`. Lines and events are bounded by `maxBytes`.
 * @source https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventReader {
  readonly #lines: BoundedLines;
  readonly #maxBytes: number;
  #data: string[] = [];
  #held = 0;
  #type = '';

  constructor(maxBytes: number) {
    this.#lines = new BoundedLines(maxBytes);
    this.#maxBytes = maxBytes;
  }

  /** Data of the events that this chunk ends. Throws `too_large`. */
  push(chunk: Buffer): readonly string[] {
    return this.#lines.push(chunk).flatMap((line) => this.#take(line));
  }

  #take(line: string): readonly string[] {
    if (line === '') {
      const isMessage = this.#data.length > 0 && (this.#type === '' || this.#type === 'message');
      const events = isMessage ? [this.#data.join('\n')] : [];
      this.#data = [];
      this.#held = 0;
      this.#type = '';
      return events;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#type = value;
    if (field === 'data') {
      this.#held += value.length;
      if (this.#held > this.#maxBytes) {
        const limit = this.#maxBytes;
        throw new DomainError('too_large', `the server sent a message of more than ${limit} bytes`, { limit });
      }
      this.#data.push(value);
    }
    return [];
  }
}
