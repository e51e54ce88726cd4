import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { DomainError, isDomainError } from '@skein/domain';
import type { CoordinatorGateway, ExitReport, Log } from '@skein/ports';
import { chunkBytes } from './chunk.ts';
import { readCredentials } from './credentials.ts';
import type { FetchBlobRequest__Output } from './generated/skein/worker/v1/FetchBlobRequest.ts';
import type { FetchPartRequest__Output } from './generated/skein/worker/v1/FetchPartRequest.ts';
import type { FetchSnapshotRequest__Output } from './generated/skein/worker/v1/FetchSnapshotRequest.ts';
import type { ReportExitRequest__Output } from './generated/skein/worker/v1/ReportExitRequest.ts';
import type { StoreBlobHeader__Output } from './generated/skein/worker/v1/StoreBlobHeader.ts';
import type { StoreBlobRequest__Output } from './generated/skein/worker/v1/StoreBlobRequest.ts';
import type { GrpcLimits } from './limits.ts';
import { malformed } from './load-service.ts';
import { toStatus } from './status.ts';
import { digestField, digestsField, idField, integerField, nameField } from './wire/fields.ts';
import { decodeTaskRef } from './wire/shared-values.ts';

/** The calls beside the worker's stream: exit reports, and large bytes in chunks, so that they never delay a task. */
export interface ServeTransfersDeps {
  readonly gateway: CoordinatorGateway;
  /** Clients have shown a certificate: whom it names is told to the gateway. */
  readonly demandsCertificates?: boolean;
  readonly limits: GrpcLimits;
  readonly log: Log;
}

/** A request as grpc-js hands it over. */
export type Received<T> = T | typeof malformed;

/** The request, if it could be decoded. */
export const understood = <T>(request: Received<T>): T => {
  if (request === malformed) throw new DomainError('invalid_argument', 'the request cannot be decoded');
  return request;
};

const statusOf = (deps: ServeTransfersDeps, thrown: unknown): ReturnType<typeof toStatus> => {
  if (!isDomainError(thrown)) deps.log.error('a call failed', { cause: thrown });
  return toStatus(thrown);
};

/** Serves one `ReportExit` call. */
export const serveReportExit = (
  deps: ServeTransfersDeps,
  call: ServerUnaryCall<Received<ReportExitRequest__Output>, object>,
  answer: sendUnaryData<object>,
): void => {
  const report = async (): Promise<void> => {
    const request = understood(call.request);
    const exit: ExitReport = {
      incarnation: idField(request.incarnation, 'incarnation'),
      ...(request.workerId === undefined ? {} : { workerId: idField(request.workerId, 'worker_id') }),
      ...(request.exitCode === undefined ? {} : { exitCode: integerField(request.exitCode, 'exit_code', -(2 ** 31)) }),
      ...(request.signal === undefined ? {} : { signal: nameField(request.signal, 'signal') }),
    };
    await deps.gateway.reportExit(readCredentials(deps, call), exit);
  };
  report().then(
    () => answer(null, {}),
    (thrown: unknown) => answer(statusOf(deps, thrown)),
  );
};

/** Serves one `FetchSnapshot` call. */
export const serveFetchSnapshot = (
  deps: ServeTransfersDeps,
  call: ServerWritableStream<Received<FetchSnapshotRequest__Output>, object>,
): void =>
  serveBytes(deps, call, async (signal) => {
    const request = understood(call.request);
    return deps.gateway.fetchSnapshot(
      readCredentials(deps, call),
      idField(request.sessionId, 'session_id'),
      {
        task: decodeTaskRef(request.task, 'task'),
        digest: digestField(request.digest, 'digest'),
        held: digestsField(request.held, 'held'),
      },
      signal,
    );
  });

/** Serves one `FetchPart` call. The gateway's pieces are views of what it keeps, so that gathering them copies nothing. */
export const serveFetchPart = (
  deps: ServeTransfersDeps,
  call: ServerWritableStream<Received<FetchPartRequest__Output>, object>,
): void =>
  serveStream(deps, call, async (signal) => {
    const request = understood(call.request);
    const pieces: Uint8Array[] = [];
    const totalBytes = await deps.gateway.fetchPart(
      readCredentials(deps, call),
      idField(request.sessionId, 'session_id'),
      {
        task: decodeTaskRef(request.task, 'task'),
        digest: digestField(request.digest, 'digest'),
        part: digestField(request.part, 'part'),
        offset: integerField(request.offset, 'offset'),
      },
      (bytes) => pieces.push(bytes),
      signal,
    );
    await writeMessage(call, { totalBytes }, signal);
    for (const piece of pieces) await writeChunks(call, piece, signal);
  });

/** Serves one `FetchBlob` call. */
export const serveFetchBlob = (
  deps: ServeTransfersDeps,
  call: ServerWritableStream<Received<FetchBlobRequest__Output>, object>,
): void =>
  serveBytes(deps, call, async (signal) => {
    const request = understood(call.request);
    return deps.gateway.fetchBlob(
      readCredentials(deps, call),
      idField(request.sessionId, 'session_id'),
      decodeTaskRef(request.task, 'task'),
      digestField(request.digest, 'digest'),
      signal,
    );
  });

const serveBytes = (
  deps: ServeTransfersDeps,
  call: ServerWritableStream<unknown, object>,
  fetch: (signal: AbortSignal) => Promise<Uint8Array>,
): void => serveStream(deps, call, async (signal) => writeChunks(call, await fetch(signal), signal));

/** Ends the call when `write` is done, or with what it throws. */
const serveStream = (
  deps: ServeTransfersDeps,
  call: ServerWritableStream<unknown, object>,
  write: (signal: AbortSignal) => Promise<void>,
): void => {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(new DomainError('cancelled', 'the caller is gone')));
  call.on('error', () => undefined);
  write(gone.signal).then(
    () => {
      if (!gone.signal.aborted) call.end();
    },
    (thrown: unknown) => {
      if (!gone.signal.aborted) call.emit('error', statusOf(deps, thrown));
    },
  );
};

const writeChunks = async (
  call: ServerWritableStream<unknown, object>,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> => {
  for (let at = 0; at < bytes.length && !signal.aborted; at += chunkBytes)
    await writeMessage(call, { chunk: bytes.subarray(at, at + chunkBytes) }, signal);
};

/** One message at a time in the transport's hands. Resolves also when the caller is gone. */
const writeMessage = (
  call: ServerWritableStream<unknown, object>,
  message: object,
  signal: AbortSignal,
): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    call.write(message, done);
  });

/** Serves one `StoreBlob` call. Nothing is gathered before it is known that the caller may store it, and no more than its header says. */
export const serveStoreBlob = (
  deps: ServeTransfersDeps,
  call: ServerReadableStream<Received<StoreBlobRequest__Output>, object>,
  answer: sendUnaryData<object>,
): void => {
  const gone = new AbortController();
  const chunks: Buffer[] = [];
  const limit = Math.min(deps.limits.maxTransferBytes, deps.limits.maxStoredBytes);
  let header: StoreBlobHeader__Output | undefined;
  let length = 0;
  let settled = false;
  const settle = (thrown: unknown, digest?: string): void => {
    if (settled) return;
    settled = true;
    chunks.length = 0;
    call.resume();
    if (digest === undefined) answer(statusOf(deps, thrown));
    else answer(null, { digest });
  };
  const ask = async (given: StoreBlobHeader__Output): Promise<void> => {
    const actual = integerField(given.totalBytes, 'header.total_bytes');
    if (actual > limit) throw new DomainError('too_large', 'the blob is too large', { limit, actual });
    const task = decodeTaskRef(given.task, 'header.task');
    const sessionId = idField(given.sessionId, 'header.session_id');
    await deps.gateway.mayStoreBlob?.(readCredentials(deps, call), sessionId, task);
  };
  const take = (given: Received<StoreBlobRequest__Output>): void => {
    const request = understood(given);
    if (request.payload === 'header' && request.header && header === undefined) {
      header = request.header;
      call.pause();
      ask(header).then(() => call.resume(), settle);
    } else if (request.payload === 'chunk' && request.chunk && header !== undefined) {
      length += request.chunk.length;
      if (length > header.totalBytes) throw new DomainError('invalid_argument', 'the chunks are not total_bytes long');
      chunks.push(request.chunk);
    } else throw new DomainError('invalid_argument', 'a header comes first and once, then chunks');
  };
  const store = async (): Promise<string> => {
    if (header === undefined) throw new DomainError('invalid_argument', 'there was no header');
    const task = decodeTaskRef(header.task, 'header.task');
    const sessionId = idField(header.sessionId, 'header.session_id');
    if (header.totalBytes !== length) throw new DomainError('invalid_argument', 'the chunks are not total_bytes long');
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
    return deps.gateway.storeBlob(readCredentials(deps, call), sessionId, task, bytes, gone.signal);
  };
  call.on('cancelled', () => {
    settled = true;
    gone.abort(new DomainError('cancelled', 'the caller is gone'));
  });
  call.on('error', () => undefined);
  call.on('data', (request: Received<StoreBlobRequest__Output>) => {
    if (settled) return;
    try {
      take(request);
    } catch (thrown) {
      settle(thrown);
    }
  });
  call.on('end', () => {
    if (settled) return;
    store().then(
      (digest) => settle(undefined, digest),
      (thrown: unknown) => settle(thrown),
    );
  });
};
