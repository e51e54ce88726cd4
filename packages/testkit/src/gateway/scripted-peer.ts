import type { JsonValue } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { PeerCall, PeerCredentials, PeerGateway, PeerMessage, StreamLink, StreamListener } from '@skein/ports';

/** One stream as the scripted peer sees it. */
export interface ScriptedPeerStream {
  /** What the other coordinator said, in order of arrival. */
  readonly received: readonly PeerMessage[];
  /** Set once the other side ended; `error` when it was not orderly. */
  readonly closed: { readonly error?: DomainError } | undefined;
  send(message: PeerMessage): void;
  /** Ends the stream from this side. */
  close(error?: DomainError): void;
}

/** The secret that a scripted peer accepts. */
export const scriptedSecret = 'the-secret-of-the-fleet';

/** A coordinator's door for its peers that does what a test tells it: it checks the secret, remembers what it hears, and answers by hand. */
export class ScriptedPeer implements PeerGateway {
  readonly streams: ScriptedPeerStream[] = [];
  readonly calls: PeerCall[] = [];
  /** Calls that wait for their abort. */
  waiting = 0;
  /** Called for each message. */
  onMessage: (stream: ScriptedPeerStream, message: PeerMessage) => void = () => undefined;
  /** Answers a call; `'hold'` waits for its abort. */
  onCall: (call: PeerCall) => JsonValue = (call) => [call.method, ...call.args];

  openPeerStream(credentials: PeerCredentials, listener: StreamListener<PeerMessage>): StreamLink<PeerMessage> {
    const stream = new Stream(listener, (message) => this.onMessage(stream, message));
    if (credentials.secret === scriptedSecret) this.streams.push(stream);
    else stream.close(new DomainError('permission_denied', 'another secret'));
    return { send: (message) => stream.hear(message), close: (error) => stream.peerClosed(error) };
  }

  async callPeer(credentials: PeerCredentials, call: PeerCall, signal?: AbortSignal): Promise<JsonValue> {
    if (credentials.secret !== scriptedSecret) throw new DomainError('permission_denied', 'another secret');
    this.calls.push(call);
    const answer = this.onCall(call);
    if (answer !== 'hold' || signal === undefined) return answer;
    this.waiting++;
    return new Promise((_, reject) => {
      signal.addEventListener(
        'abort',
        () => {
          this.waiting--;
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }
}

class Stream implements ScriptedPeerStream {
  readonly received: PeerMessage[] = [];
  closed: { readonly error?: DomainError } | undefined;
  readonly #listener: StreamListener<PeerMessage>;
  readonly #heard: (message: PeerMessage) => void;
  #over = false;

  constructor(listener: StreamListener<PeerMessage>, heard: (message: PeerMessage) => void) {
    this.#listener = listener;
    this.#heard = heard;
  }

  send(message: PeerMessage): void {
    if (!this.#over) this.#listener.onMessage(message);
  }

  close(error?: DomainError): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onClosed(error);
  }

  hear(message: PeerMessage): void {
    if (this.#over || this.closed !== undefined) return;
    this.received.push(message);
    this.#heard(message);
  }

  peerClosed(error?: DomainError): void {
    if (this.closed !== undefined) return;
    this.closed = error === undefined ? {} : { error };
    this.close(error);
  }
}
