import { type DomainError, type ErrorCode, errorCatalog, isDomainError, type Problem } from '@skein/domain';

/**
 * An error as the API answers it (RFC 9457), with our code and, for input errors, every problem of the input.
 * @source https://www.rfc-editor.org/rfc/rfc9457
 */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly problems?: readonly Problem[];
  /** What else the code carries, for example `limit` or `retryAfterMs`. */
  readonly details?: { readonly [key: string]: unknown };
}

/** Media type of `ProblemDetails`. */
export const problemContentType = 'application/problem+json';

/** The problem of a thrown value. Anything that is not ours becomes `internal` and leaves without its message. */
export const toProblemDetails = (thrown: unknown): ProblemDetails => {
  if (!isDomainError(thrown) || thrown.code === 'internal') return describe('internal', 'internal error');
  const { problems, rest: said } = splitDetails(thrown);
  const rest = thrown.code === 'mailbox_full' ? { retryAfterMs: mailboxPauseMs, ...said } : withRevision(said);
  return {
    ...describe(thrown.code, thrown.message),
    ...(problems === undefined ? {} : { problems }),
    ...(Object.keys(rest).length === 0 ? {} : { details: rest }),
  };
};

/** A conflict that says what there is now also says its revision, which is what the caller needs to try again. */
const withRevision = (said: { readonly [key: string]: unknown }): { readonly [key: string]: unknown } => {
  const current = said['current'];
  const revision =
    typeof current === 'object' && current !== null && 'revision' in current ? current.revision : undefined;
  return typeof revision === 'number' ? { revision, ...said } : said;
};

/** When the sender to a full mailbox may try again and nothing else is said, in ms: an agent's turn takes a while. */
const mailboxPauseMs = 5_000;

/** Seconds for the `Retry-After` header, when the error says when to come back. */
export const retryAfterSeconds = (problem: ProblemDetails): number | undefined => {
  const after = problem.details?.['retryAfterMs'];
  return typeof after === 'number' && after >= 0 ? Math.ceil(after / 1000) : undefined;
};

const describe = (code: ErrorCode, detail: string): ProblemDetails => {
  const { http, title } = errorCatalog[code];
  return { type: `urn:skein:problem:${code}`, title, status: http, detail, code };
};

const splitDetails = (error: DomainError): { problems?: readonly Problem[]; rest: { [key: string]: unknown } } => {
  const { problems, ...rest } = (error.details ?? {}) as {
    readonly problems?: unknown;
    readonly [key: string]: unknown;
  };
  return Array.isArray(problems) ? { problems: problems as readonly Problem[], rest } : { rest };
};
