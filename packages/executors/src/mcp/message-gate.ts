import { type JSONRPCMessage, JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import { DomainError } from '@skein/domain';

/** Largest message of a server, bytes; what is longer ends the server. */
export const maxMessageBytes = 4 * 1024 * 1024;
/** What a server may say while one request of ours is open, or after it: more is a flood. */
const maxBytesPerRequest = 4 * maxMessageBytes;
const maxMessagesPerRequest = 10_000;
/** Lines that are no messages: programs print a banner where they should not, but not for ever. */
const maxStrayTexts = 32;
/** Deeper than any tool's schema or result, and far from what ends the stack of those who read it. */
const maxDepth = 64;

/** Reads what one server says: bounded in depth, in number and in bytes per request. */
export class MessageGate {
  readonly #log: (line: string) => void;
  #bytes = 0;
  #messages = 0;
  #strayTexts = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** A request goes out: the count begins anew. */
  asked(): void {
    this.#bytes = 0;
    this.#messages = 0;
  }

  /** Bytes that came and are no message: comments and other events of a stream. Throws as `read`. */
  counted(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > maxBytesPerRequest) throw flood('bytes', maxBytesPerRequest);
  }

  /** The message of a text; undefined for a stray text. Throws `too_large` for a flood, `unavailable` when it speaks no MCP. */
  read(text: string): JSONRPCMessage | undefined {
    this.counted(Buffer.byteLength(text));
    this.#messages += 1;
    if (this.#messages > maxMessagesPerRequest) throw flood('messages', maxMessagesPerRequest);
    const message = messageOf(text);
    if (message !== undefined) return message;
    this.#strayTexts += 1;
    if (this.#strayTexts > maxStrayTexts) {
      throw new DomainError('unavailable', 'the server does not speak MCP: it says what is no message');
    }
    this.#log(`not a message: ${text}`);
    return undefined;
  }
}

const messageOf = (text: string): JSONRPCMessage | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (isDeeperThan(value, maxDepth))
    throw new DomainError('unavailable', 'a message of the server is nested too deeply');
  const parsed = JSONRPCMessageSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

const flood = (what: string, limit: number): DomainError =>
  new DomainError('too_large', `the server sent more than ${limit} ${what} for one request`, { limit });

/** True when a value is nested deeper; level by level, because a recursion is what such a value would end. */
export const isDeeperThan = (value: unknown, max: number): boolean => {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > max) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
};
