import type { JsonValue } from '../json/json-value.ts';
import type { ErrorCode } from './error-catalog.ts';

/** Why a snapshot was refused; closed. */
export type SnapshotInvalidReason =
  | 'bad_gzip'
  | 'bad_crc'
  | 'bad_length'
  | 'truncated'
  | 'trailing_bytes'
  | 'second_member'
  | 'unknown_version'
  | 'bad_json'
  | 'bad_manifest'
  | 'bad_part'
  | 'missing_part'
  | 'unexpected_part'
  | 'bad_path'
  | 'missing_snapshot';

/** One problem in one place of an input; `field` is a JSON path, `line` and `column` count from 1. */
export interface Problem {
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly field?: string;
  readonly expected?: string;
  readonly suggestion?: string;
  /** Only where it is not plain `invalid_argument`: `unimplemented` for a known word of a later feature, `too_large` for a limit. */
  readonly code?: ErrorCode;
}

/** Extra facts that a code carries; codes that are not listed carry free JSON. */
export interface ErrorDetailsByCode {
  readonly invalid_argument: { readonly problems?: readonly Problem[]; readonly [key: string]: unknown };
  readonly snapshot_invalid: { readonly reason: SnapshotInvalidReason; readonly [key: string]: unknown };
  readonly resource_exhausted: { readonly retryAfterMs?: number; readonly [key: string]: unknown };
  readonly mailbox_full: { readonly retryAfterMs?: number; readonly [key: string]: unknown };
  readonly too_large: { readonly limit: number; readonly actual?: number; readonly [key: string]: unknown };
}

/** The details type of a code. */
export type ErrorDetails<C extends ErrorCode> = C extends keyof ErrorDetailsByCode
  ? ErrorDetailsByCode[C]
  : { readonly [key: string]: unknown };

/** The error form that crosses processes and is written to the run log. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: { readonly [key: string]: JsonValue };
}

/** The one error class. Verbs that do I/O throw it; pure functions return a `Result` instead. */
export class DomainError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: ErrorDetails<C> | undefined;

  constructor(code: C, message: string, details?: ErrorDetails<C>, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }
}

/** True for our own errors; anything else that is thrown is a bug and becomes `internal` at the edge. */
export const isDomainError = (thrown: unknown): thrown is DomainError => thrown instanceof DomainError;

/** The form of an error that may leave a process. An unknown throw leaves without its message. */
export const toErrorData = (thrown: unknown): ErrorData => {
  if (!isDomainError(thrown)) return { code: 'internal', message: 'internal error' };
  const details = thrown.details;
  return details === undefined
    ? { code: thrown.code, message: thrown.message }
    : { code: thrown.code, message: thrown.message, details: details as { [key: string]: JsonValue } };
};

/** The error of a peer, thrown again on this side. */
export const fromErrorData = (data: ErrorData): DomainError =>
  new DomainError(data.code, data.message, data.details as ErrorDetails<ErrorCode>);
