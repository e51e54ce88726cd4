import { DomainError, type ErrorCode } from '@skein/domain';
import type { APICallError } from 'ai';

/**
 * A provider's failure as one of the port's errors. Messages are short and never hold the key (S3).
 * Whether to try again is the caller's decision: `unavailable` and `resource_exhausted` carry the provider's hint.
 */
export const toDomainError = (thrown: unknown, apiKey?: string): DomainError => {
  if (thrown instanceof DomainError) return thrown;
  if (isCallError(thrown)) return fromCall(thrown, apiKey);
  if (isStreamError(thrown)) return fromStreamError(thrown, apiKey);
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new DomainError('cancelled', 'the turn was cancelled', undefined, thrown);
  }
  if (thrown instanceof Error && malformedNames.has(thrown.name)) {
    return new DomainError('unavailable', 'the provider sent an answer that cannot be read', undefined, thrown);
  }
  if (thrown instanceof Error && refusedNames.has(thrown.name)) {
    return new DomainError('invalid_argument', `the provider cannot take this turn: ${clean(thrown.message, apiKey)}`);
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DomainError('unavailable', `the connection to the provider failed: ${clean(message, apiKey)}`, {}, thrown);
};

/** By name, so that judging an error does not load the SDK. */
const isCallError = (thrown: unknown): thrown is APICallError =>
  thrown instanceof Error && thrown.name === 'AI_APICallError';

const malformedNames: ReadonlySet<string> = new Set([
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_InvalidResponseDataError',
  'AI_EmptyResponseBodyError',
  'AI_NoOutputGeneratedError',
]);

const refusedNames: ReadonlySet<string> = new Set([
  'AI_InvalidPromptError',
  'AI_InvalidArgumentError',
  'AI_UnsupportedFunctionalityError',
  'AI_NoSuchModelError',
]);

const fromCall = (error: APICallError, apiKey: string | undefined): DomainError => {
  const status = error.statusCode;
  if (status === undefined) {
    return new DomainError('unavailable', 'the provider cannot be reached', {});
  }
  const code = codeOfStatus(status);
  const retryAfterMs = retryAfter(error.responseHeaders);
  const details = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  // A refusal of credentials may quote them, so it is told in our words.
  const said = code === 'unauthenticated' ? 'it refused the credentials' : clean(error.message, apiKey);
  return new DomainError(code, `the provider answered HTTP ${status}: ${said}`, details);
};

const codeOfStatus = (status: number): ErrorCode => {
  if (status === 429) return 'resource_exhausted';
  if (status === 401 || status === 403) return 'unauthenticated';
  // 2xx is an error only when its body cannot be read.
  if (status >= 500 || status === 408 || status === 409 || status < 300) return 'unavailable';
  return 'invalid_argument';
};

const retryAfter = (headers: Record<string, string> | undefined): number | undefined => {
  const inMs = Number(headers?.['retry-after-ms']);
  if (headers?.['retry-after-ms'] !== undefined && Number.isFinite(inMs) && inMs >= 0) return Math.ceil(inMs);
  const value = headers?.['retry-after'];
  if (value === undefined || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const sentAt = Date.parse(headers?.['date'] ?? '');
  const at = Date.parse(value);
  // Both instants are the provider's, so that its clock need not agree with ours.
  return Number.isFinite(at - sentAt) ? Math.max(0, at - sentAt) : undefined;
};

interface StreamError {
  readonly type?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** An error event inside a stream that had begun with HTTP 200: plain data, not an exception; some providers wrap it. */
const isStreamError = (thrown: unknown): thrown is StreamError =>
  typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error);

const fromStreamError = (thrown: StreamError, apiKey: string | undefined): DomainError => {
  const inner = (thrown as { error?: unknown }).error;
  const error = typeof inner === 'object' && inner !== null ? (inner as StreamError) : thrown;
  const kinds = [error.type, error.code].map(String);
  const is = (...names: readonly string[]) => kinds.some((kind) => names.includes(kind));
  const message = `the provider reported: ${clean(typeof error.message === 'string' ? error.message : 'an error', apiKey)}`;
  if (is('rate_limit_error', 'rate_limit_exceeded', 'insufficient_quota', 'tokens', 'requests')) {
    return new DomainError('resource_exhausted', message, {});
  }
  if (is('authentication_error', 'permission_error', 'invalid_api_key')) {
    return new DomainError('unauthenticated', 'the provider refused the credentials');
  }
  if (is('invalid_request_error', 'context_length_exceeded', 'not_found_error')) {
    return new DomainError('invalid_argument', message);
  }
  return new DomainError('unavailable', message, {});
};

const clean = (message: string, apiKey: string | undefined): string => {
  const redacted = apiKey === undefined ? message : message.replaceAll(apiKey, '[redacted]');
  return redacted.length > 300 ? `${redacted.slice(0, 300)}…` : redacted;
};
