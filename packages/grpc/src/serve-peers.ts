import http2 from 'node:http2';
import type {
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { JsonValue } from '@skein/domain';
import { DomainError, isDomainError } from '@skein/domain';
import type { Log, Meter, PeerCredentials, PeerGateway, PeerMessage, StreamLink } from '@skein/ports';
import type { Authenticated } from './certificate-identity.ts';
import { certificateOf } from './certificate-identity.ts';
import type { CallRequest__Output } from './generated/skein/peer/v1/CallRequest.ts';
import type { GrpcLimits } from './limits.ts';
import { createSecretCheck, readPeerCredentials, wrongSecret } from './peer-credentials.ts';
import { peerService } from './peer-protocol.ts';
import { PeerTalk } from './peer-talk.ts';
import type { Received } from './serve-transfers.ts';
import { understood } from './serve-transfers.ts';
import { toStatus } from './status.ts';
import { bad, jsonField, nameField } from './wire/fields.ts';

/** The door for other coordinators. */
export interface ServedPeers {
  readonly gateway: PeerGateway;
  /** The secret of the fleet; whoever shows another one never reaches the gateway. */
  readonly secret: string;
}

/** What the peer service needs of the server that it is on. */
export interface ServePeersDeps {
  readonly peers: ServedPeers;
  readonly limits: GrpcLimits;
  readonly log: Log;
  readonly meter: Meter;
  /** Clients have shown a certificate: it must be that of a coordinator. */
  readonly demandsCertificates?: boolean;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/** What a peer shows, if it may come in; throws `permission_denied`. */
type Check = (call: Authenticated & Pick<Call, 'metadata'>) => PeerCredentials;

/** Adds the peer service to a server. */
export const servePeers = (server: Server, deps: ServePeersDeps): void => {
  const isRight = createSecretCheck(deps.peers.secret);
  const checked: Check = (call) => {
    const credentials = readPeerCredentials(call.metadata);
    const isCoordinator = deps.demandsCertificates !== true || certificateOf(call).role === 'coordinator';
    if (isRight(credentials) && isCoordinator) return credentials;
    deps.meter.count('skein_peer_refused_total', 1, { reason: isCoordinator ? 'secret' : 'certificate' });
    if (isCoordinator) throw wrongSecret();
    throw new DomainError('permission_denied', 'only a coordinator may come in here, and the certificate names none');
  };
  const handlers = {
    Talk: (call: Call) => {
      try {
        new PeerServerStream(deps, call).open(checked(call));
      } catch (thrown) {
        call.on('error', () => undefined);
        call.emit('error', toStatus(thrown));
      }
    },
    Call: (call: ServerUnaryCall<Received<CallRequest__Output>, object>, answer: sendUnaryData<object>) =>
      serveCall(deps, checked, call, answer),
  };
  server.addService(peerService, handlers as unknown as UntypedServiceImplementation);
};

const serveCall = (
  deps: ServePeersDeps,
  checked: Check,
  call: ServerUnaryCall<Received<CallRequest__Output>, object>,
  answer: sendUnaryData<object>,
): void => {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(new DomainError('cancelled', 'the caller is gone')));
  const run = async (): Promise<string> => {
    const credentials = checked(call);
    const request = understood(call.request);
    const args = jsonField(request.argsJson, 'args_json');
    if (!Array.isArray(args)) throw bad('args_json', 'a JSON list');
    const given = { method: nameField(request.method, 'method'), args: args as JsonValue[] };
    const text = JSON.stringify(await deps.peers.gateway.callPeer(credentials, given, gone.signal));
    const limit = deps.limits.maxAnswerBytes;
    const actual = Buffer.byteLength(text);
    if (actual > limit)
      throw new DomainError('too_large', 'the answer is larger than coordinators may send', { limit, actual });
    return text;
  };
  run().then(
    (answerJson) => answer(null, { answerJson }),
    (thrown: unknown) => {
      if (!isDomainError(thrown)) deps.log.error('a call of another coordinator failed', { cause: thrown });
      answer(toStatus(thrown));
    },
  );
};

/**
 * One peer's stream at the coordinator that it dialled. The gateway's link is closed exactly once, whatever ends the stream; after the
 * gateway's `onClosed` earlier messages still leave; nothing that is thrown reaches the HTTP/2 stack.
 */
class PeerServerStream {
  readonly #deps: ServePeersDeps;
  readonly #call: Call;
  readonly #talk: PeerTalk;
  #link: StreamLink<PeerMessage> | undefined;
  #linkEnd: { readonly error?: DomainError } | undefined;
  #ended = false;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ServePeersDeps, call: Call) {
    this.#deps = deps;
    this.#call = call;
    this.#talk = new PeerTalk({
      limits: deps.limits,
      log: deps.log,
      write: (frame, taken) => {
        if (!this.#gone) call.write(frame, taken);
      },
      onMessage: (message) => {
        if (!this.#ended && this.#linkEnd === undefined) this.#link?.send(message);
      },
      cut: (error) => this.#cut(error),
    });
  }

  open(credentials: PeerCredentials): void {
    this.#call.on('data', (frame: Buffer) => this.#guard(() => this.#onFrame(frame)));
    this.#call.on('end', () => this.#afterBreaks(() => this.#guard(() => this.#end(undefined))));
    this.#call.on('cancelled', () => this.#guard(() => this.#onGone()));
    this.#call.on('error', () => undefined);
    this.#timer = setTimeout(
      () => this.#guard(() => this.#end(new DomainError('deadline_exceeded', 'no hello came'))),
      this.#deps.limits.helloTimeoutMs,
    ).unref();
    this.#deps.meter.count('skein_peer_streams_opened_total');
    this.#guard(() => {
      const link = this.#deps.peers.gateway.openPeerStream(credentials, {
        onMessage: (message) => this.#guard(() => this.#ended || this.#talk.send(message)),
        onClosed: (error) => this.#guard(() => this.#end(error)),
      });
      this.#link = link;
      if (this.#linkEnd !== undefined) link.close(this.#linkEnd.error);
    });
  }

  #onFrame(frame: Buffer): void {
    if (this.#ended) return;
    this.#talk.receive(frame);
    if (this.#talk.greeted) clearTimeout(this.#timer);
  }

  /** A connection that breaks looks like an orderly end first: an end is believed when no break has followed it. */
  #afterBreaks(run: () => void): void {
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#gone && this.#transport()?.destroyed !== true) run();
      }),
    );
  }

  #onGone(): void {
    this.#gone = true;
    clearTimeout(this.#timer);
    this.#talk.drop();
    this.#closeLink(this.#ended ? undefined : new DomainError('unavailable', 'the stream broke'));
    this.#ended = true;
  }

  #end(error: DomainError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#talk.end(() => this.#finish(error));
    this.#closeLink(error);
    this.#timer = setTimeout(() => this.#destroy(), this.#deps.limits.closeTimeoutMs).unref();
  }

  #cut(error: DomainError): void {
    this.#deps.log.warn('the stream of another coordinator was cut', { code: error.code, peer: this.#call.getPeer() });
    this.#deps.meter.count('skein_peer_streams_cut_total', 1, { code: error.code });
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#talk.drop();
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

  #closeLink(error?: DomainError): void {
    if (this.#linkEnd !== undefined) return;
    this.#linkEnd = error === undefined ? {} : { error };
    this.#link?.close(error);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      if (!isDomainError(thrown)) this.#deps.log.error('the stream of another coordinator failed', { cause: thrown });
      this.#cut(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error'));
    }
  }
}
