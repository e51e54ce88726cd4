import type { ClientReadableStream, ClientWritableStream } from '@grpc/grpc-js';
import { DomainError, isDomainError } from '@skein/domain';
import { chunkBytes } from './chunk.ts';
import type { StoreBlobResponse__Output } from './generated/skein/worker/v1/StoreBlobResponse.ts';
import { asDomainError } from './status.ts';
import { bytesField, integerField, isRecord } from './wire/fields.ts';

/** Large bytes at the worker's end: chunks in, chunks out, with bounded memory and one abort rule. */

/** The error that an aborted call rejects with: the signal's own reason if it is ours. */
export const abortError = (signal: AbortSignal): DomainError =>
  isDomainError(signal.reason)
    ? signal.reason
    : new DomainError('cancelled', 'the call was aborted', undefined, signal.reason);

/** Cancels `call` when `signal` aborts; the returned function stops that. */
export const cancelOn = (signal: AbortSignal | undefined, cancel: () => void): (() => void) => {
  if (signal === undefined) return () => undefined;
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
};

/** All chunks of a server stream as one array. Throws `too_large` past `limit` bytes, before it holds more. */
export const collectBytes = (
  call: ClientReadableStream<unknown>,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stop = cancelOn(signal, () => fail(abortError(signal as AbortSignal)));
    const fail = (error: DomainError): void => {
      stop();
      chunks.length = 0;
      call.removeAllListeners('data');
      call.cancel();
      reject(error);
    };
    call.on('data', (response: unknown) => {
      try {
        const chunk = bytesField(isRecord(response) ? response['chunk'] : undefined, 'chunk');
        length += chunk.length;
        if (length > limit) throw new DomainError('too_large', 'the bytes are too large', { limit, actual: length });
        chunks.push(chunk);
      } catch (thrown) {
        fail(asDomainError(thrown));
      }
    });
    call.on('error', (thrown) => {
      stop();
      reject(asDomainError(thrown));
    });
    call.on('end', () => {
      stop();
      // A broken stream ends too; its error follows in the same turn and rejects first only if this waits.
      setImmediate(() => resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length)));
    });
  });

/**
 * A part's chunks as they come, after the message with its whole size; answers that size. Chunks that were given stay given when it rejects.
 * Throws `too_large` for a size over `limit`, `invalid_argument` for messages out of order or more bytes than announced, and
 * `unavailable` when the stream ends before the last byte.
 */
export const streamPart = (
  call: ClientReadableStream<unknown>,
  from: { readonly offset: number; readonly limit: number },
  onBytes: (bytes: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<number> =>
  new Promise((resolve, reject) => {
    let total: number | undefined;
    let at = from.offset;
    let over = false;
    const settle = (error?: DomainError): void => {
      if (over) return;
      over = true;
      stop();
      call.removeAllListeners('data');
      if (error === undefined) return resolve(at);
      call.cancel();
      reject(error);
    };
    const stop = cancelOn(signal, () => settle(abortError(signal as AbortSignal)));
    call.on('data', (response: unknown) => {
      try {
        if (total === undefined) {
          total = totalOf(response, from.limit);
          return;
        }
        const chunk = bytesField(isRecord(response) ? response['chunk'] : undefined, 'chunk');
        at += chunk.length;
        if (at > total) throw new DomainError('invalid_argument', 'more bytes came than the first message announced');
        onBytes(chunk);
      } catch (thrown) {
        settle(asDomainError(thrown));
      }
    });
    call.on('error', (thrown) => settle(asDomainError(thrown)));
    call.on('end', () => {
      // A broken stream ends too; its error follows in the same turn and rejects first only if this waits.
      setImmediate(() =>
        settle(at === total ? undefined : new DomainError('unavailable', 'the part ended before its last byte')),
      );
    });
  });

const totalOf = (response: unknown, limit: number): number => {
  const total = integerField(isRecord(response) ? response['totalBytes'] : undefined, 'total_bytes');
  if (total > limit) throw new DomainError('too_large', 'the part is too large', { limit, actual: total });
  return total;
};

/** Sends `header`, then `bytes` in chunks, one at a time in the transport's hands; answers the digest that comes back. */
export const sendBytes = async (
  open: (answer: (error: Error | null, response?: StoreBlobResponse__Output) => void) => ClientWritableStream<object>,
  header: object,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<string> => {
  let settled = false;
  let wake: () => void = () => undefined;
  const answered = new Promise<string>((resolve, reject) => {
    const call = open((error, response) => {
      settled = true;
      wake();
      stop();
      if (signal?.aborted) reject(abortError(signal));
      else if (error !== null) reject(asDomainError(error));
      else resolve(String(response?.digest));
    });
    const stop = cancelOn(signal, () => call.cancel());
    call.on('error', () => undefined);
    const write = (message: object): Promise<void> =>
      new Promise((taken) => {
        wake = taken;
        call.write(message, () => taken());
      });
    const pump = async (): Promise<void> => {
      await write({ header });
      for (let at = 0; at < bytes.length && !settled; at += chunkBytes)
        await write({ chunk: bytes.subarray(at, at + chunkBytes) });
      if (!settled) call.end();
    };
    pump().catch((thrown: unknown) => reject(asDomainError(thrown)));
  });
  return answered;
};
