import type { StatusObject } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { ErrorCode, ErrorData, JsonValue } from '@skein/domain';
import { DomainError, errorCatalog, fromErrorData, isDomainError, toErrorData } from '@skein/domain';
import { tlsFailureIn } from './tls-failure.ts';
import { errorDataOf } from './wire/shared-values.ts';

/** Errors and gRPC statuses, both ways: the one place that does either. */

/** Trailer with our error as JSON. */
const errorTrailer = 'skein-error-bin';
/** Trailers share one HTTP/2 header block; a longer error travels without its details. */
const maxTrailerBytes = 8 * 1024;
const maxMessageLength = 1024;

/** What grpc-js takes as the end of a call. */
export type FailedStatus = StatusObject & Error;

/** Thrown value to status. An unknown throw becomes INTERNAL without its message; who needs the message logs it first. */
export const toStatus = (thrown: unknown): FailedStatus => {
  const data = toErrorData(thrown);
  // grpc-js percent-encodes the text and would throw at a lone surrogate, past every handler.
  const details = Buffer.from(data.message.slice(0, maxMessageLength), 'utf8').toString('utf8');
  const metadata = new Metadata();
  metadata.set(errorTrailer, trailerOf(data));
  return Object.assign(new Error(details), { code: errorCatalog[data.code].grpc, details, metadata });
};

const trailerOf = (data: ErrorData): Buffer => {
  const whole = Buffer.from(JSON.stringify(data));
  if (whole.length <= maxTrailerBytes) return whole;
  return Buffer.from(JSON.stringify({ code: data.code, message: data.message.slice(0, maxMessageLength) }));
};

/** Our code for a status without our trailer: what grpc-js itself, a proxy or another server sent. */
const codeByStatus: { readonly [status: number]: ErrorCode } = {
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  5: 'not_found',
  6: 'already_exists',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'illegal_transition',
  10: 'version_conflict',
  11: 'invalid_argument',
  12: 'unimplemented',
  14: 'unavailable',
  15: 'digest_mismatch',
  16: 'unauthenticated',
};

/** What grpc-js says of a message over its size limit. */
const overLimit = /larger than (?:max )?\(?(\d+)?(?: vs\.? (\d+))?/;

/** Status to error; the peer's own error when it sent one. A status of this side's own stack keeps its text as the message. */
export const fromStatus = (status: Partial<StatusObject>): DomainError => {
  const sent = status.metadata?.get(errorTrailer)[0];
  const data = Buffer.isBuffer(sent) ? parseTrailer(sent) : undefined;
  if (data !== undefined) return fromErrorData(data);
  const text = status.details ?? 'the call failed';
  const sizes = status.code === 8 && text.includes('larger than') ? overLimit.exec(text) : null;
  if (sizes !== null) {
    const actual = Number(sizes[1]);
    const limit = Number(sizes[2]);
    return new DomainError('too_large', text, {
      limit: Number.isFinite(limit) ? limit : 0,
      ...(Number.isFinite(actual) ? { actual } : {}),
    });
  }
  const why = status.code === 14 ? tlsFailureIn(text) : undefined;
  if (why !== undefined)
    return new DomainError('unavailable', `the coordinator cannot be trusted: ${why}`, { reason: 'tls' });
  if (brokenOff(status, text)) return new DomainError('unavailable', text);
  return new DomainError(codeByStatus[status.code ?? 2] ?? 'internal', text);
};

/** A reset by the peer's transport. Our own aborts never come here: they reject with their reason. */
const brokenOff = (status: Partial<StatusObject>, text: string): boolean =>
  status.code === 1 || text.startsWith('Received RST_STREAM');

/** Any failure of a call as our error: an abort with its own reason, a status, or a bug. */
export const asDomainError = (thrown: unknown): DomainError => {
  if (isDomainError(thrown)) return thrown;
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number')
    return fromStatus(thrown as unknown as StatusObject);
  return new DomainError('internal', 'internal error', undefined, thrown);
};

const parseTrailer = (bytes: Buffer): ErrorData | undefined => {
  try {
    return errorDataOf(JSON.parse(bytes.toString('utf8')) as JsonValue);
  } catch {
    return undefined;
  }
};
