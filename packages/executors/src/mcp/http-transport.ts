// Streamable HTTP: each message is one POST; its answer comes as JSON or as a stream of events. No stream is held open between requests.
import type { IncomingMessage } from 'node:http';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { DomainError, isDomainError } from '@skein/domain';
import { BoundedLines } from './bounded-lines.ts';
import { EventReader } from './event-reader.ts';
import { GuardedClient, type ResolveName } from './guarded-request.ts';
import { MessageGate, maxMessageBytes } from './message-gate.ts';
import type { ServerTransport } from './server-transport.ts';

/** Where a server is, and with what to ask it. */
export interface HttpServer {
  readonly url: string;
  /** Secrets are in place. */
  readonly headers: { readonly [name: string]: string };
  readonly log: (line: string) => void;
  readonly resolve?: ResolveName;
}

/** How long the goodbye to a session may take, ms. */
const goodbyeMs = 1_000;

/** Speaks with a server by requests. */
export class HttpTransport implements ServerTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  readonly #url: URL;
  readonly #headers: { readonly [name: string]: string };
  readonly #client: GuardedClient;
  readonly #gate: MessageGate;
  readonly #stop = new AbortController();
  readonly #open = new Map<string | number, AbortController>();
  #failure: DomainError | undefined;
  #session: string | undefined;
  #version: string | undefined;
  #closed: Promise<void> | undefined;

  /** Throws `unavailable` for what is no URL of HTTP. */
  constructor(server: HttpServer) {
    const url = URL.canParse(server.url) ? new URL(server.url) : undefined;
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
      throw new DomainError('unavailable', 'the address of the server is no http or https URL');
    }
    this.#url = url;
    this.#headers = server.headers;
    this.#client = new GuardedClient(server.resolve);
    this.#gate = new MessageGate(server.log);
  }

  get failure(): DomainError | undefined {
    return this.#failure;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  setProtocolVersion(version: string): void {
    this.#version = version;
  }

  /** Resolves when the answer was read to its end. Throws when there is none. */
  async send(message: JSONRPCMessage): Promise<void> {
    const id = 'method' in message && 'id' in message ? message.id : undefined;
    const own = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, own.signal]);
    if (id !== undefined) {
      this.#gate.asked();
      this.#open.set(id, own);
    }
    try {
      const response = await this.#post(JSON.stringify(message), signal);
      await this.#read(response, id);
    } catch (thrown) {
      // Who gave up on the request has its reason already.
      if (own.signal.aborted) return;
      throw this.#broken(thrown);
    } finally {
      if (id !== undefined) this.#open.delete(id);
      this.#forget(message);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  async #leave(): Promise<void> {
    this.#stop.abort(new DomainError('cancelled', 'the connection was closed'));
    if (this.#session !== undefined && this.#failure === undefined) {
      const signal = AbortSignal.timeout(goodbyeMs);
      const request = { url: this.#url, method: 'DELETE', headers: this.#commonHeaders() } as const;
      await this.#client.request(request, signal).then(
        (response) => response.destroy(),
        () => undefined,
      );
    }
    this.#client.close();
    this.onclose?.();
  }

  /** A cancelled request is waited for no longer. */
  #forget(message: JSONRPCMessage): void {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return;
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#open.get(id)?.abort();
  }

  #broken(thrown: unknown): DomainError {
    const error = isDomainError(thrown)
      ? thrown
      : new DomainError('unavailable', 'the answer of the server broke off', {}, thrown);
    if (error.code === 'too_large') this.#failure ??= error;
    return error;
  }

  #commonHeaders(): { readonly [name: string]: string } {
    return {
      ...this.#headers,
      ...(this.#session === undefined ? {} : { 'mcp-session-id': this.#session }),
      ...(this.#version === undefined ? {} : { 'mcp-protocol-version': this.#version }),
    };
  }

  #post(body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = {
      ...this.#commonHeaders(),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    return this.#client.request({ url: this.#url, method: 'POST', headers, body }, signal);
  }

  async #read(response: IncomingMessage, id: string | number | undefined): Promise<void> {
    try {
      const status = response.statusCode ?? 0;
      if (status < 200 || status >= 300) throw new DomainError('unavailable', `the server answered HTTP ${status}`);
      const session = response.headers['mcp-session-id'];
      if (typeof session === 'string' && /^[!-~]{1,1024}$/.test(session)) this.#session = session;
      if (id === undefined) return;
      const encoding = response.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity') {
        throw new DomainError('unavailable', 'the server compressed its answer, which was not asked for');
      }
      const type = response.headers['content-type'] ?? '';
      let isAnswered = false;
      for await (const text of textsOf(response, type, (bytes) => this.#gate.counted(bytes))) {
        const message = this.#gate.read(text);
        if (message === undefined) continue;
        if (!('method' in message) && message.id === id) isAnswered = true;
        this.onmessage?.(message);
      }
      if (!isAnswered) throw new DomainError('unavailable', 'the server ended its answer without a result');
    } finally {
      response.destroy();
    }
  }
}

/** The texts of messages in a body; bounded each. */
async function* textsOf(
  response: IncomingMessage,
  type: string,
  counted: (bytes: number) => void,
): AsyncGenerator<string> {
  if (type.startsWith('text/event-stream')) {
    const events = new EventReader(maxMessageBytes);
    for await (const chunk of response) {
      counted((chunk as Buffer).length);
      yield* events.push(chunk as Buffer);
    }
    return;
  }
  if (!type.startsWith('application/json')) {
    throw new DomainError('unavailable', 'the server answered with something else than JSON or events');
  }
  const body = new BoundedLines(maxMessageBytes);
  const parts: string[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxMessageBytes) {
      const limit = maxMessageBytes;
      throw new DomainError('too_large', `the server sent a message of more than ${limit} bytes`, { limit });
    }
    parts.push(...body.push(chunk as Buffer));
  }
  yield [...parts, body.rest()].join('\n');
}
