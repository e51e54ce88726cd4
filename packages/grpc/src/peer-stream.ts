import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import type { DomainError } from '@skein/domain';
import type { Log, PeerMessage, StreamLink, StreamListener } from '@skein/ports';
import type { GrpcLimits } from './limits.ts';
import { PeerTalk } from './peer-talk.ts';
import { asDomainError, fromStatus } from './status.ts';

/** What a dialled stream needs. */
export interface PeerStreamDeps {
  readonly limits: GrpcLimits;
  readonly log: Log;
  /** Called once the stream is over; releases its connection. */
  readonly over: () => void;
}

type Call = ClientDuplexStream<Buffer, Buffer>;

/** A peer stream at the coordinator that dialled. `onClosed` comes exactly once, whatever ends the stream, and nothing after it. */
export class PeerStream implements StreamLink<PeerMessage> {
  readonly #deps: PeerStreamDeps;
  readonly #call: Call;
  readonly #listener: StreamListener<PeerMessage>;
  readonly #talk: PeerTalk;
  #closed = false;
  #closing = false;
  #status: Partial<StatusObject> | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: PeerStreamDeps, call: Call, listener: StreamListener<PeerMessage>) {
    this.#deps = deps;
    this.#call = call;
    this.#listener = listener;
    this.#talk = new PeerTalk({
      limits: deps.limits,
      log: deps.log,
      write: (frame, taken) => {
        if (!this.#closed) call.write(frame, taken);
      },
      onMessage: (message) => {
        if (!this.#closed) this.#tell(() => listener.onMessage(message));
      },
      cut: (error) => this.#over(error),
    });
    call.on('data', (frame: Buffer) => this.#onFrame(frame));
    call.on('error', () => undefined);
    call.on('status', (status: StatusObject) => this.#onStatus(status));
    call.on('end', () => {
      this.#ended = true;
      this.#settle();
    });
  }

  send(message: PeerMessage): void {
    if (!this.#closed && !this.#closing) this.#talk.send(message);
  }

  close(error?: DomainError): void {
    if (this.#closed || this.#closing) return;
    this.#closing = true;
    this.#timer = setTimeout(() => this.#over(error), this.#deps.limits.closeTimeoutMs).unref();
    this.#talk.end(() => this.#call.end());
  }

  #onFrame(frame: Buffer): void {
    if (this.#closed) return;
    try {
      this.#talk.receive(frame);
    } catch (thrown) {
      this.#deps.log.error('another coordinator sent a frame that cannot be read', { cause: thrown });
      this.#over(asDomainError(thrown));
    }
  }

  #onStatus(status: StatusObject): void {
    this.#status = status;
    this.#settle();
    // 'end' follows once every frame was read; a call that broke before it was connected has none.
    if (!this.#closed) setTimeout(() => this.#over(this.#ending()), 100).unref();
  }

  #settle(): void {
    if (this.#status !== undefined && this.#ended) this.#over(this.#ending());
  }

  #ending(): DomainError | undefined {
    return this.#status === undefined || this.#status.code === 0 ? undefined : fromStatus(this.#status);
  }

  #over(error: DomainError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#talk.drop();
    if (this.#status === undefined) this.#call.cancel();
    this.#deps.over();
    this.#tell(() => this.#listener.onClosed(error));
  }

  #tell(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#deps.log.error('a stream listener threw', { cause: thrown, code: asDomainError(thrown).code });
    }
  }
}
