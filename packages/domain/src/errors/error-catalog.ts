/** What a caller may do after this error: never, at once after a re-read, later, or only if its call is idempotent. */
export type Retry = 'no' | 'never' | 'after_reread' | 'later' | 'if_idempotent';

/** How one error code appears on each surface. `grpc` is the standard status number. */
export interface ErrorMapping {
  readonly grpc: number;
  readonly http: number;
  readonly retry: Retry;
  readonly title: string;
}

/** Every error code of Skein. */
export type ErrorCode =
  | 'invalid_argument'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'already_exists'
  | 'version_conflict'
  | 'stale_fencing_token'
  | 'illegal_transition'
  | 'digest_mismatch'
  | 'resource_exhausted'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'unavailable'
  | 'unimplemented'
  | 'unprocessable'
  | 'too_large'
  | 'mailbox_full'
  | 'snapshot_invalid'
  | 'read_only'
  | 'outcome_unknown'
  | 'data_corrupt'
  | 'internal';

/**
 * The one place where an error code gets its numbers; adapters only look up.
 * Two deliberate choices: FAILED_PRECONDITION is shown as HTTP 409, because callers read 400 as "malformed";
 * UNKNOWN and INTERNAL are never retried by default, since both are ambiguous about whether work happened.
 * @source https://grpc.github.io/grpc/core/md_doc_statuscodes.html
 */
export const errorCatalog = {
  invalid_argument: { grpc: 3, http: 400, retry: 'no', title: 'Invalid argument' },
  unauthenticated: { grpc: 16, http: 401, retry: 'no', title: 'Not authenticated' },
  permission_denied: { grpc: 7, http: 403, retry: 'no', title: 'Permission denied' },
  not_found: { grpc: 5, http: 404, retry: 'no', title: 'Not found' },
  already_exists: { grpc: 6, http: 409, retry: 'no', title: 'Already exists' },
  version_conflict: { grpc: 10, http: 409, retry: 'after_reread', title: 'Changed since it was read' },
  stale_fencing_token: { grpc: 9, http: 409, retry: 'never', title: 'Stale fencing token' },
  illegal_transition: { grpc: 9, http: 409, retry: 'no', title: 'Not possible in this state' },
  digest_mismatch: { grpc: 15, http: 500, retry: 'no', title: 'Digest mismatch' },
  resource_exhausted: { grpc: 8, http: 429, retry: 'later', title: 'Resource exhausted' },
  deadline_exceeded: { grpc: 4, http: 504, retry: 'if_idempotent', title: 'Deadline exceeded' },
  cancelled: { grpc: 1, http: 499, retry: 'no', title: 'Cancelled' },
  unavailable: { grpc: 14, http: 503, retry: 'later', title: 'Unavailable' },
  unimplemented: { grpc: 12, http: 501, retry: 'no', title: 'Not implemented' },
  unprocessable: { grpc: 3, http: 422, retry: 'no', title: 'Cannot be processed' },
  too_large: { grpc: 8, http: 413, retry: 'no', title: 'Too large' },
  mailbox_full: { grpc: 8, http: 429, retry: 'later', title: 'Mailbox full' },
  snapshot_invalid: { grpc: 15, http: 422, retry: 'no', title: 'Invalid snapshot' },
  read_only: { grpc: 9, http: 409, retry: 'never', title: 'Read-only store' },
  outcome_unknown: { grpc: 10, http: 409, retry: 'no', title: 'Outcome unknown' },
  data_corrupt: { grpc: 15, http: 500, retry: 'no', title: 'Stored data is damaged' },
  internal: { grpc: 13, http: 500, retry: 'no', title: 'Internal error' },
} as const satisfies Record<ErrorCode, ErrorMapping>;

/** All codes, in catalog order. */
export const errorCodes = Object.keys(errorCatalog) as readonly ErrorCode[];
