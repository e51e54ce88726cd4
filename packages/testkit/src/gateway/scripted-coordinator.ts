import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  Hasher,
  JoinCredentials,
  PartRequest,
  SnapshotRequest,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from '@skein/ports';
import { protocolVersions } from '@skein/ports';

/** One stream as the scripted coordinator sees it. */
export interface ScriptedStream {
  /** Messages of the worker, in order of arrival. */
  readonly received: readonly WorkerMessage[];
  /** Set once the worker's side ended; `error` when it was not orderly. */
  readonly closed: { readonly error?: DomainError } | undefined;
  send(message: CoordinatorMessage): void;
  /** Ends the stream from the coordinator's side. */
  close(error?: DomainError): void;
}

/** The token that a scripted coordinator accepts. */
export const scriptedToken = 'join-token';

/** A session of which it knows nothing. */
export const strangeSession = 'ses_0190aaaa-0000-7000-8000-00000000dead';

/**
 * A coordinator's gateway that does what a test tells it: it checks token and protocol, remembers what it hears, and answers by `onMessage`.
 * Blobs, snapshots and parts live in a map by digest; a task with `token` 0 is stale, and so is every task in `strangeSession`.
 */
export class ScriptedCoordinator implements CoordinatorGateway {
  readonly streams: ScriptedStream[] = [];
  readonly exits: ExitReport[] = [];
  readonly blobs = new Map<Digest, Uint8Array>();
  /** Parts of a snapshot by the snapshot's digest; their bytes are in `blobs`. */
  readonly parts = new Map<Digest, readonly Digest[]>();
  /** Values by name; other names are not declared. */
  readonly secrets = new Map<string, string>();
  /** Requests for parts, in order. */
  readonly partRequests: PartRequest[] = [];
  /** Calls that wait because of `hold`; aborted ones leave. */
  waiting = 0;
  /** Called for each message of a worker. */
  onMessage: (stream: ScriptedStream, message: WorkerMessage) => void = () => undefined;
  /** While true, fetches and stores wait for their abort. */
  hold = false;
  /** Largest blob that it stores. */
  maxBlobBytes = 16 * 1024 * 1024;
  readonly #hasher: Hasher;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  openWorkerStream(
    credentials: JoinCredentials,
    listener: StreamListener<CoordinatorMessage>,
  ): StreamLink<WorkerMessage> {
    const stream = new Stream(listener, (message) => this.#hear(stream, message));
    this.streams.push(stream);
    if (credentials.token !== scriptedToken) stream.refuse(new DomainError('unauthenticated', 'unknown join token'));
    return { send: (message) => stream.hear(message), close: (error) => stream.peerClosed(error) };
  }

  async reportExit(credentials: JoinCredentials, report: ExitReport): Promise<void> {
    check(credentials);
    this.exits.push(report);
  }

  async fetchSnapshot(
    credentials: JoinCredentials,
    _sessionId: SessionId,
    request: SnapshotRequest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#read(credentials, request.task, request.digest, signal);
  }

  async fetchBlob(
    credentials: JoinCredentials,
    _sessionId: SessionId,
    task: TaskRef,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#read(credentials, task, digest, signal);
  }

  async fetchPart(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: PartRequest,
    onBytes: (bytes: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<number> {
    check(credentials, request.task, sessionId);
    this.partRequests.push(request);
    const { digest, part, offset } = request;
    if (this.parts.get(digest)?.includes(part) !== true)
      throw new DomainError('not_found', 'the snapshot has no such part', { digest: part });
    const bytes = await this.#read(credentials, request.task, part, signal);
    if (offset > bytes.length) throw new DomainError('invalid_argument', 'the offset is past the end of the part');
    const middle = offset + ((bytes.length - offset) >> 1);
    if (middle > offset) onBytes(bytes.subarray(offset, middle));
    if (bytes.length > middle) onBytes(bytes.subarray(middle));
    return bytes.length;
  }

  async readSecret(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    secret: string,
    signal?: AbortSignal,
  ): Promise<string> {
    check(credentials, task, sessionId);
    await this.#held(signal);
    const value = this.secrets.get(secret);
    if (value === undefined) throw new DomainError('permission_denied', 'the task does not declare this secret');
    return value;
  }

  async mayStoreBlob(credentials: JoinCredentials, _sessionId: SessionId, task: TaskRef): Promise<void> {
    check(credentials, task);
  }

  async storeBlob(
    credentials: JoinCredentials,
    _sessionId: SessionId,
    task: TaskRef,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Digest> {
    check(credentials, task);
    await this.#held(signal);
    if (bytes.length > this.maxBlobBytes)
      throw new DomainError('too_large', 'the blob is too large', { limit: this.maxBlobBytes, actual: bytes.length });
    const digest = this.#hasher.digest(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  #hear(stream: Stream, message: WorkerMessage): void {
    if (message.type === 'hello' && message.protocol.min > protocolVersions.max) {
      stream.refuse(new DomainError('unimplemented', 'no common protocol version'));
      return;
    }
    this.onMessage(stream, message);
  }

  async #read(credentials: JoinCredentials, task: TaskRef, digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    check(credentials, task);
    await this.#held(signal);
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new DomainError('not_found', 'no such bytes', { digest });
    return bytes;
  }

  async #held(signal: AbortSignal | undefined): Promise<void> {
    if (!this.hold || signal === undefined) return;
    this.waiting++;
    await new Promise<void>((_, reject) => {
      const leave = (): void => {
        this.waiting--;
        reject(signal.reason);
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }
}

const check = (credentials: JoinCredentials, task?: TaskRef, sessionId?: SessionId): void => {
  if (credentials.token !== scriptedToken) throw new DomainError('unauthenticated', 'unknown join token');
  if (task?.token === 0 || sessionId === strangeSession)
    throw new DomainError('stale_fencing_token', 'the task has a newer token');
};

class Stream implements ScriptedStream {
  readonly received: WorkerMessage[] = [];
  closed: { readonly error?: DomainError } | undefined;
  readonly #listener: StreamListener<CoordinatorMessage>;
  readonly #heard: (message: WorkerMessage) => void;
  #over = false;

  constructor(listener: StreamListener<CoordinatorMessage>, heard: (message: WorkerMessage) => void) {
    this.#listener = listener;
    this.#heard = heard;
  }

  send(message: CoordinatorMessage): void {
    if (!this.#over) this.#listener.onMessage(message);
  }

  close(error?: DomainError): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onClosed(error);
  }

  refuse(error: DomainError): void {
    this.send({ type: 'refused', error: { code: error.code, message: error.message } });
    this.close(error);
  }

  hear(message: WorkerMessage): void {
    if (this.#over) return;
    this.received.push(message);
    this.#heard(message);
  }

  peerClosed(error?: DomainError): void {
    if (this.closed !== undefined) return;
    this.closed = error === undefined ? {} : { error };
    this.close(error);
  }
}
