import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import type { ErrorData, TaskResult } from '@skein/domain';
import { DomainError, fromErrorData } from '@skein/domain';
import type { CoordinatorMessage, Log, StreamLink, StreamListener, WorkerMessage } from '@skein/ports';
import { FrameSender } from './frame-sender.ts';
import type { GrpcLimits } from './limits.ts';
import { asDomainError, fromStatus } from './status.ts';
import type { FrameCodec } from './wire/frame.ts';
import { failedResult } from './wire/task-result.ts';

/**
 * One worker's stream at the worker's end.
 *
 * C1 `onClosed` comes exactly once, whatever ends the stream, and nothing after it.
 * C2 After `close`, earlier messages still leave; the coordinator's last messages still arrive.
 * C3 Nothing that is thrown reaches the HTTP/2 stack.
 * C4 A result that no message can carry leaves as a failure of its task: cutting the stream would bring it back on the next one.
 */
export interface WorkerStreamDeps {
  readonly codec: FrameCodec<WorkerMessage, CoordinatorMessage>;
  readonly limits: GrpcLimits;
  readonly log: Log | undefined;
  /** Called once the stream is over; releases its connection. */
  readonly over: () => void;
}

type Call = ClientDuplexStream<Buffer, Buffer>;

/** The sending half of a worker's stream over gRPC. */
export class WorkerStream implements StreamLink<WorkerMessage> {
  readonly #deps: WorkerStreamDeps;
  readonly #call: Call;
  readonly #listener: StreamListener<CoordinatorMessage>;
  readonly #sender: FrameSender;
  #closed = false;
  #closing = false;
  #refusal: DomainError | undefined;
  #status: Partial<StatusObject> | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: WorkerStreamDeps, call: Call, listener: StreamListener<CoordinatorMessage>) {
    this.#deps = deps;
    this.#call = call;
    this.#listener = listener;
    this.#sender = new FrameSender({
      maxBufferedBytes: deps.limits.maxBufferedBytes,
      maxMessageBytes: deps.limits.maxMessageBytes,
      write: (frame, taken) => {
        if (!this.#closed) call.write(frame, taken);
      },
      overflow: (error) => this.#over(error),
    });
    call.on('data', (frame: Buffer) => this.#onFrame(frame));
    call.on('error', () => undefined);
    call.on('status', (status: StatusObject) => this.#onStatus(status));
    call.on('end', () => {
      this.#ended = true;
      this.#settle();
    });
  }

  send(message: WorkerMessage): void {
    if (this.#closed || this.#closing) return;
    try {
      this.#sender.send(
        message.type === 'result' ? this.#encodeResult(message.result) : this.#deps.codec.encode(message),
      );
    } catch (thrown) {
      this.#deps.log?.error('a message could not be encoded', { cause: thrown, type: message.type });
      this.#over(new DomainError('internal', 'a message could not be encoded'));
    }
  }

  close(error?: DomainError): void {
    if (this.#closed || this.#closing) return;
    this.#closing = true;
    this.#timer = setTimeout(() => this.#over(error), this.#deps.limits.closeTimeoutMs).unref();
    this.#sender.end(() => this.#call.end());
  }

  /** C4. */
  #encodeResult(result: TaskResult): Buffer {
    const { codec, limits, log } = this.#deps;
    const failed = (error: ErrorData): Buffer => codec.encode({ type: 'result', result: failedResult(result, error) });
    try {
      const bytes = codec.encode({ type: 'result', result });
      const limit = limits.maxMessageBytes;
      if (bytes.length <= limit) return bytes;
      log?.error('a result is larger than a message may be', { step: result.step, bytes: bytes.length });
      const details = { limit, actual: bytes.length };
      return failed({ code: 'too_large', message: 'the result is larger than a message may be', details });
    } catch (thrown) {
      log?.error('a result could not be encoded', { step: result.step, cause: thrown });
      return failed({ code: 'internal', message: 'the result could not be encoded' });
    }
  }

  #onFrame(frame: Buffer): void {
    if (this.#closed) return;
    const decoded = this.#deps.codec.decode(frame);
    if (!decoded.ok) {
      this.#deps.log?.error('the coordinator sent a frame that cannot be read', { cause: decoded.error });
      this.#over(decoded.error);
      return;
    }
    for (const message of decoded.value) {
      if (this.#closed) return;
      if (message.type === 'refused') this.#refusal = fromErrorData(message.error);
      this.#tell(() => this.#listener.onMessage(message));
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
    if (this.#status === undefined || this.#status.code === 0) return this.#refusal;
    return fromStatus(this.#status);
  }

  #over(error: DomainError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#sender.drop();
    if (this.#status === undefined) this.#call.cancel();
    this.#deps.over();
    this.#tell(() => this.#listener.onClosed(error));
  }

  /** C3. */
  #tell(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#deps.log?.error('a stream listener threw', { cause: thrown, code: asDomainError(thrown).code });
    }
  }
}
