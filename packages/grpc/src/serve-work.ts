import http2 from 'node:http2';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ErrorData, TaskOffer } from '@skein/domain';
import { DomainError, fromErrorData, isDomainError, toErrorData } from '@skein/domain';
import type { CoordinatorGateway, CoordinatorMessage, Log, Meter, StreamLink, WorkerMessage } from '@skein/ports';
import { readCredentials } from './credentials.ts';
import { FrameSender } from './frame-sender.ts';
import type { GrpcLimits } from './limits.ts';
import { toStatus } from './status.ts';
import { createServerCodec } from './wire/frame.ts';
import { isCoordinatorKind } from './wire/step-definition.ts';
import { failedResult } from './wire/task-result.ts';

/**
 * One worker's stream at the coordinator's edge: frames to messages and back.
 *
 * W1 The gateway sees `hello` first and once; anything else is refused here, for this stream only.
 * W2 The gateway's link is closed exactly once, whatever ends the stream.
 * W3 After the gateway's `onClosed`, earlier messages still leave, then the status.
 * W4 Nothing that is thrown reaches the HTTP/2 stack.
 * W5 An offer that no message can carry fails its task here, as if the worker had: cutting the stream would bring it back on the next one.
 */
export interface ServeWorkDeps {
  readonly gateway: CoordinatorGateway;
  /** Clients have shown a certificate: whom it names is told to the gateway. */
  readonly demandsCertificates?: boolean;
  readonly limits: GrpcLimits;
  readonly log: Log;
  readonly meter: Meter;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Serves one `Work` call. */
export const serveWork = (deps: ServeWorkDeps, call: Call): void => {
  new WorkStream(deps, call).open();
};

class WorkStream {
  readonly #deps: ServeWorkDeps;
  readonly #call: Call;
  readonly #sender: FrameSender;
  readonly #codec = createServerCodec();
  #link: StreamLink<WorkerMessage> | undefined;
  #linkEnd: { readonly error?: DomainError } | undefined;
  #refusal: DomainError | undefined;
  #greeted = false;
  /** Offers that never left (W5). */
  #withheld = 0;
  #ended = false;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ServeWorkDeps, call: Call) {
    this.#deps = deps;
    this.#call = call;
    this.#sender = new FrameSender({
      maxBufferedBytes: deps.limits.maxBufferedBytes,
      maxMessageBytes: deps.limits.maxMessageBytes,
      write: (frame, taken) => {
        if (!this.#gone) call.write(frame, taken);
      },
      overflow: (error) => this.#cut(error),
    });
  }

  open(): void {
    const { limits, meter } = this.#deps;
    this.#call.on('data', (frame: Buffer) => this.#guard(() => this.#onFrame(frame)));
    this.#call.on('end', () => this.#afterBreaks(() => this.#guard(() => this.#onPeerClosed())));
    this.#call.on('cancelled', () => this.#guard(() => this.#onGone()));
    this.#call.on('error', () => undefined);
    this.#timer = setTimeout(
      () => this.#refuse(new DomainError('deadline_exceeded', 'no hello came')),
      limits.helloTimeoutMs,
    ).unref();
    meter.count('skein_grpc_streams_opened_total');
    this.#guard(() => this.#openLink());
  }

  #openLink(): void {
    const link = this.#deps.gateway.openWorkerStream(readCredentials(this.#deps, this.#call), {
      onMessage: (message) => this.#guard(() => this.#send(message)),
      onClosed: (error) => this.#guard(() => this.#end(error ?? this.#refusal)),
    });
    this.#link = link;
    if (this.#linkEnd !== undefined) link.close(this.#linkEnd.error);
  }

  #send(message: CoordinatorMessage): void {
    if (message.type === 'refused') this.#refusal = fromErrorData(message.error);
    if (message.type === 'offer') return this.#sendOffer(message);
    this.#sender.send(this.#codec.encode(message));
  }

  #sendOffer(message: Extract<CoordinatorMessage, { type: 'offer' }>): void {
    const { action } = message.offer.definition;
    if (isCoordinatorKind(action.kind)) {
      return this.#withhold(message.offer, {
        code: 'invalid_argument',
        message: `a "${action.kind}" step is carried out by the coordinator`,
      });
    }
    const bytes = this.#codec.encode(message);
    const limit = this.#deps.limits.maxMessageBytes;
    if (bytes.length <= limit) return this.#sender.send(bytes);
    const details = { limit, actual: bytes.length };
    this.#withhold(message.offer, {
      code: 'too_large',
      message: 'the offer is larger than a message may be',
      details,
    });
  }

  /** W5. */
  #withhold(offer: TaskOffer, error: ErrorData): void {
    this.#deps.log.error('an offer cannot be sent', {
      runId: offer.runId,
      step: offer.step,
      reason: error.message,
      ...error.details,
    });
    this.#codec.unsent(offer.definition);
    this.#withheld += 1;
    setImmediate(() => this.#guard(() => this.#pass({ type: 'result', result: failedResult(offer, error) })));
  }

  #onFrame(frame: Buffer): void {
    if (this.#ended) return;
    const decoded = this.#codec.decode(frame);
    if (!decoded.ok) throw decoded.error;
    for (const message of decoded.value) {
      if ((message.type === 'hello') === this.#greeted) {
        throw new DomainError('invalid_argument', this.#greeted ? 'a second hello' : 'the first message must be hello');
      }
      if (!this.#greeted) {
        this.#greeted = true;
        clearTimeout(this.#timer);
      }
      this.#pass(message);
    }
  }

  /** Hands a message to the gateway, while that listens. */
  #pass(message: WorkerMessage): void {
    if (this.#ended || this.#linkEnd !== undefined) return;
    const isBehind = message.type === 'credits' && this.#withheld > 0;
    this.#link?.send(isBehind ? { ...message, offersSeen: message.offersSeen + this.#withheld } : message);
  }

  /**
   * A connection that breaks ends the stream as if the worker had closed it, and is only then known to be broken:
   * an end is believed when no break has followed it.
   */
  #afterBreaks(run: () => void): void {
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#gone && this.#transport()?.destroyed !== true) run();
      }),
    );
  }

  /** The worker ended its half: the gateway hears it and may still answer. */
  #onPeerClosed(): void {
    this.#closeLink();
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(undefined), this.#deps.limits.closeTimeoutMs).unref();
  }

  /** The stream is gone: broken, cancelled, or over. */
  #onGone(): void {
    this.#gone = true;
    clearTimeout(this.#timer);
    this.#sender.drop();
    this.#closeLink(this.#ended ? undefined : new DomainError('unavailable', 'the stream broke'));
    this.#ended = true;
  }

  #refuse(error: DomainError): void {
    if (this.#ended) return;
    this.#deps.meter.count('skein_grpc_streams_refused_total', 1, { code: error.code });
    this.#sender.send(this.#codec.encode({ type: 'refused', error: toErrorData(error) }));
    this.#end(error);
    this.#closeLink(error);
  }

  /** W3. */
  #end(error: DomainError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#sender.end(() => this.#finish(error));
    this.#closeLink(error);
    this.#timer = setTimeout(() => this.#destroy(), this.#deps.limits.closeTimeoutMs).unref();
  }

  /** The peer does not take what it is sent: end now, and by force if even the status is not taken. */
  #cut(error: DomainError): void {
    this.#deps.log.warn('a worker stream was cut', { code: error.code, peer: this.#call.getPeer() });
    this.#deps.meter.count('skein_grpc_streams_cut_total', 1, { code: error.code });
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#finish(error);
    this.#closeLink(error);
    this.#timer = setTimeout(() => this.#destroy(), this.#deps.limits.closeTimeoutMs).unref();
  }

  #finish(error: DomainError | undefined): void {
    if (this.#gone) return;
    if (error === undefined) this.#call.end();
    else this.#call.emit('error', toStatus(error));
  }

  /** grpc-js has no call for this: resets the HTTP/2 stream under a call whose peer takes nothing. */
  #destroy(): void {
    if (!this.#gone) this.#transport()?.close?.(http2.constants.NGHTTP2_CANCEL);
  }

  #transport(): Partial<http2.ServerHttp2Stream> | undefined {
    const { call } = this.#call as unknown as { call?: { stream?: http2.ServerHttp2Stream } };
    return call?.stream;
  }

  /** W2. */
  #closeLink(error?: DomainError): void {
    if (this.#linkEnd !== undefined) return;
    this.#linkEnd = error === undefined ? {} : { error };
    this.#link?.close(error);
  }

  /** W4. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      if (!isDomainError(thrown)) this.#deps.log.error('a worker stream failed', { cause: thrown });
      try {
        this.#refuse(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error'));
      } catch (again) {
        this.#deps.log.error('a worker stream could not be refused', { cause: again });
      }
    }
  }
}
