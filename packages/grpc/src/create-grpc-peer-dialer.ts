import type { CallOptions, Client, ClientDuplexStream, ClientUnaryCall, Metadata } from '@grpc/grpc-js';
import { makeGenericClientConstructor } from '@grpc/grpc-js';
import type { JsonValue } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  Log,
  Meter,
  PeerCall,
  PeerConnection,
  PeerCredentials,
  PeerDialer,
  PeerMessage,
  StreamLink,
  StreamListener,
} from '@skein/ports';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import type { ClientTlsSource } from './credentials.ts';
import { clientCredentials } from './credentials.ts';
import { abortError, cancelOn } from './fetch-bytes.ts';
import type { CallResponse__Output } from './generated/skein/peer/v1/CallResponse.ts';
import type { GrpcLimits } from './limits.ts';
import { callOptions, clientOptions, defaultGrpcLimits } from './limits.ts';
import type { malformed } from './load-service.ts';
import { writePeerCredentials } from './peer-credentials.ts';
import { peerService } from './peer-protocol.ts';
import { PeerStream } from './peer-stream.ts';
import { asDomainError } from './status.ts';
import { jsonField } from './wire/fields.ts';

/** How other coordinators are reached. */
export interface GrpcPeerDialerOptions {
  /** The secret of the fleet; shown when the caller names none. */
  readonly secret?: string;
  readonly tls?: ClientTlsSource;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<GrpcLimits>;
}

interface PeerServiceClient extends Client {
  Talk(metadata: Metadata): ClientDuplexStream<Buffer, Buffer>;
  Call(
    request: { readonly method: string; readonly argsJson: string },
    metadata: Metadata,
    options: CallOptions,
    answer: (error: Error | null, response?: CallResponse__Output | typeof malformed) => void,
  ): ClientUnaryCall;
}

const ServiceClient = makeGenericClientConstructor(peerService, 'PeerService');

/**
 * Reaches other coordinators over gRPC. Each peer stream has a connection of its own, made afresh; calls share another one. Nothing is
 * retried here. A peer that does not answer pings is given up within a second.
 */
export const createGrpcPeerDialer = (options: GrpcPeerDialerOptions): PeerDialer => ({
  dial: (peerAddress) => new Connection(peerAddress, options),
});

class Connection implements PeerConnection {
  readonly workers;
  readonly peer = {
    openPeerStream: (credentials: PeerCredentials, listener: StreamListener<PeerMessage>) =>
      this.#openStream(credentials, listener),
    callPeer: (credentials: PeerCredentials, call: PeerCall, signal?: AbortSignal) =>
      this.#callPeer(credentials, call, signal),
  };
  readonly #address: string;
  readonly #options: GrpcPeerDialerOptions;
  readonly #limits: GrpcLimits;
  readonly #streams = new Set<PeerStream>();
  #calls: PeerServiceClient | undefined;
  #closed = false;

  constructor(address: string, options: GrpcPeerDialerOptions) {
    this.#address = address;
    this.#options = options;
    this.#limits = { ...defaultGrpcLimits, ...options.limits };
    const { tls, log, limits } = options;
    this.workers = createGrpcGateway({
      address,
      log,
      ...(limits === undefined ? {} : { limits }),
      ...(tls === undefined ? {} : { tls }),
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
    this.workers.close();
    this.#calls?.close();
  }

  #openStream(credentials: PeerCredentials, listener: StreamListener<PeerMessage>): StreamLink<PeerMessage> {
    try {
      const metadata = this.#metadataOf(credentials);
      const client = this.#connect(clientOptions);
      const stream: PeerStream = new PeerStream(
        {
          limits: this.#limits,
          log: this.#options.log,
          over: () => {
            this.#streams.delete(stream);
            client.close();
          },
        },
        client.Talk(metadata),
        listener,
      );
      this.#streams.add(stream);
      this.#options.meter.count('skein_peer_streams_dialled_total');
      return stream;
    } catch (thrown) {
      queueMicrotask(() => listener.onClosed(asDomainError(thrown)));
      return { send: () => undefined, close: () => undefined };
    }
  }

  async #callPeer(credentials: PeerCredentials, call: PeerCall, signal?: AbortSignal): Promise<JsonValue> {
    if (signal?.aborted) throw abortError(signal);
    const metadata = this.#metadataOf(credentials);
    const argsJson = JSON.stringify(call.args);
    const limit = this.#limits.maxMessageBytes;
    const actual = Buffer.byteLength(argsJson);
    if (actual > limit)
      throw new DomainError('too_large', 'the call is larger than coordinators may send', { limit, actual });
    const client = (this.#calls ??= this.#connect(callOptions));
    const options = { deadline: Date.now() + this.#limits.callTimeoutMs };
    const response = await new Promise<CallResponse__Output | typeof malformed | undefined>((resolve, reject) => {
      const open = client.Call({ method: call.method, argsJson }, metadata, options, (error, answer) => {
        stop();
        if (signal?.aborted) reject(abortError(signal));
        else if (error !== null) reject(asDomainError(error));
        else resolve(answer);
      });
      const stop = cancelOn(signal, () => open.cancel());
    });
    if (typeof response !== 'object')
      throw new DomainError('invalid_argument', 'the answer of the coordinator cannot be decoded');
    return jsonField(response.answerJson, 'answer_json');
  }

  #metadataOf(credentials: PeerCredentials): Metadata {
    const secret = credentials.secret === '' ? (this.#options.secret ?? '') : credentials.secret;
    return writePeerCredentials({ secret });
  }

  #connect(optionsOf: typeof clientOptions): PeerServiceClient {
    if (this.#closed) throw new DomainError('unavailable', 'the connection is closed');
    const { tls: source } = this.#options;
    const tls = typeof source === 'function' ? source() : source;
    return new ServiceClient(
      this.#address,
      clientCredentials(tls),
      optionsOf(this.#limits, tls?.serverName),
    ) as unknown as PeerServiceClient;
  }
}
