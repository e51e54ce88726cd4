import type {
  CallOptions,
  Client,
  ClientDuplexStream,
  ClientReadableStream,
  ClientUnaryCall,
  ClientWritableStream,
  Metadata,
} from '@grpc/grpc-js';
import { makeGenericClientConstructor } from '@grpc/grpc-js';
import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  JoinCredentials,
  Log,
  PartRequest,
  SnapshotRequest,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from '@skein/ports';
import type { ClientTlsSource } from './credentials.ts';
import { clientCredentials, writeCredentials } from './credentials.ts';
import { abortError, cancelOn, collectBytes, sendBytes, streamPart } from './fetch-bytes.ts';
import type { StoreBlobResponse__Output } from './generated/skein/worker/v1/StoreBlobResponse.ts';
import type { GrpcLimits } from './limits.ts';
import { clientOptions, defaultGrpcLimits } from './limits.ts';
import { asDomainError } from './status.ts';
import { digestField } from './wire/fields.ts';
import { createClientCodec } from './wire/frame.ts';
import { secretValueOf } from './wire/secret-value.ts';
import { encodeTaskRef } from './wire/shared-values.ts';
import { workerService } from './worker-protocol.ts';
import { WorkerStream } from './worker-stream.ts';

/** Where the coordinator is, and how to reach it. */
export interface GrpcGatewayOptions {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly log?: Log;
  readonly limits?: Partial<GrpcLimits>;
  readonly tls?: ClientTlsSource;
}

interface WorkerServiceClient extends Client {
  Work(metadata: Metadata): ClientDuplexStream<Buffer, Buffer>;
  ReportExit(
    request: object,
    metadata: Metadata,
    options: CallOptions,
    answer: (error: Error | null) => void,
  ): ClientUnaryCall;
  FetchSnapshot(request: object, metadata: Metadata): ClientReadableStream<unknown>;
  FetchPart(request: object, metadata: Metadata): ClientReadableStream<unknown>;
  ReadSecret(
    request: object,
    metadata: Metadata,
    options: CallOptions,
    answer: (error: Error | null, response?: unknown) => void,
  ): ClientUnaryCall;
  FetchBlob(request: object, metadata: Metadata): ClientReadableStream<unknown>;
  StoreBlob(
    metadata: Metadata,
    answer: (error: Error | null, response?: StoreBlobResponse__Output) => void,
  ): ClientWritableStream<object>;
}

const ServiceClient = makeGenericClientConstructor(workerService, 'WorkerService');

/**
 * A coordinator's gateway over gRPC. Each worker stream has a connection of its own, made afresh, so that neither a transfer
 * nor an old connection's backoff delays it; the other calls share one. `close` cancels all that is open.
 */
export const createGrpcGateway = (options: GrpcGatewayOptions): CoordinatorGateway & { close(): void } =>
  new GrpcGateway(options);

class GrpcGateway implements CoordinatorGateway {
  readonly #options: GrpcGatewayOptions;
  readonly #limits: GrpcLimits;
  readonly #streams = new Set<WorkerStream>();
  #transfers: WorkerServiceClient | undefined;
  #closed = false;

  constructor(options: GrpcGatewayOptions) {
    this.#options = options;
    this.#limits = { ...defaultGrpcLimits, ...options.limits };
  }

  openWorkerStream(
    credentials: JoinCredentials,
    listener: StreamListener<CoordinatorMessage>,
  ): StreamLink<WorkerMessage> {
    try {
      if (this.#closed) throw new DomainError('unavailable', 'the gateway is closed');
      const metadata = writeCredentials(credentials);
      const client = this.#connect();
      const stream: WorkerStream = new WorkerStream(
        {
          codec: createClientCodec(),
          limits: this.#limits,
          log: this.#options.log,
          over: () => {
            this.#streams.delete(stream);
            client.close();
          },
        },
        client.Work(metadata),
        listener,
      );
      this.#streams.add(stream);
      return stream;
    } catch (thrown) {
      queueMicrotask(() => listener.onClosed(asDomainError(thrown)));
      return { send: () => undefined, close: () => undefined };
    }
  }

  async reportExit(credentials: JoinCredentials, report: ExitReport): Promise<void> {
    const metadata = writeCredentials(credentials);
    const client = this.#transferClient();
    await new Promise<void>((resolve, reject) => {
      client.ReportExit(report, metadata, { deadline: Date.now() + this.#limits.callTimeoutMs }, (error) => {
        if (error === null) resolve();
        else reject(asDomainError(error));
      });
    });
  }

  async fetchSnapshot(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: SnapshotRequest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (signal?.aborted) throw abortError(signal);
    const wire = { sessionId, task: encodeTaskRef(request.task), digest: request.digest, held: request.held };
    const call = this.#transferClient().FetchSnapshot(wire, writeCredentials(credentials));
    return collectBytes(call, this.#limits.maxPartBytes, signal);
  }

  async fetchPart(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: PartRequest,
    onBytes: (bytes: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<number> {
    if (signal?.aborted) throw abortError(signal);
    const { task, digest, part, offset } = request;
    const wire = { sessionId, task: encodeTaskRef(task), digest, part, offset };
    const call = this.#transferClient().FetchPart(wire, writeCredentials(credentials));
    return streamPart(call, { offset, limit: this.#limits.maxPartBytes }, onBytes, signal);
  }

  async readSecret(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    secret: string,
    signal?: AbortSignal,
  ): Promise<string> {
    if (signal?.aborted) throw abortError(signal);
    const metadata = writeCredentials(credentials);
    const client = this.#transferClient();
    const wire = { sessionId, task: encodeTaskRef(task), secret };
    const response = await new Promise<unknown>((resolve, reject) => {
      const call = client.ReadSecret(
        wire,
        metadata,
        { deadline: Date.now() + this.#limits.callTimeoutMs },
        (error, answer) => {
          stop();
          if (signal?.aborted) reject(abortError(signal));
          else if (error !== null) reject(asDomainError(error));
          else resolve(answer);
        },
      );
      const stop = cancelOn(signal, () => call.cancel());
    });
    return secretValueOf(response);
  }

  async fetchBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (signal?.aborted) throw abortError(signal);
    const wire = { sessionId, task: encodeTaskRef(task), digest };
    const call = this.#transferClient().FetchBlob(wire, writeCredentials(credentials));
    return collectBytes(call, this.#limits.maxTransferBytes, signal);
  }

  async storeBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Digest> {
    if (signal?.aborted) throw abortError(signal);
    const limit = this.#limits.maxTransferBytes;
    if (bytes.length > limit)
      throw new DomainError('too_large', 'the blob is too large', { limit, actual: bytes.length });
    const client = this.#transferClient();
    const metadata = writeCredentials(credentials);
    const header = { sessionId, task: encodeTaskRef(task), totalBytes: bytes.length };
    return digestField(
      await sendBytes((answer) => client.StoreBlob(metadata, answer), header, bytes, signal),
      'digest',
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
    this.#transfers?.close();
  }

  #transferClient(): WorkerServiceClient {
    if (this.#closed) throw new DomainError('unavailable', 'the gateway is closed');
    return (this.#transfers ??= this.#connect());
  }

  #connect(): WorkerServiceClient {
    const { address, tls: source } = this.#options;
    const tls = typeof source === 'function' ? source() : source;
    return new ServiceClient(
      address,
      clientCredentials(tls),
      clientOptions(this.#limits, tls?.serverName),
    ) as unknown as WorkerServiceClient;
  }
}
