import type { ErrorCode } from '@skein/domain';

/** How a command ends. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** The exit code of an error: 3 when nobody answered, 2 when the call was wrong, else 1. */
export const exitCodeOf = (code: ErrorCode): number => {
  switch (code) {
    case 'unavailable':
    case 'deadline_exceeded':
      return exitCodes.unreachable;
    case 'invalid_argument':
    case 'not_found':
    case 'unauthenticated':
    case 'permission_denied':
    case 'unimplemented':
    case 'too_large':
      return exitCodes.usage;
    case 'already_exists':
    case 'version_conflict':
    case 'stale_fencing_token':
    case 'illegal_transition':
    case 'digest_mismatch':
    case 'resource_exhausted':
    case 'cancelled':
    case 'unprocessable':
    case 'mailbox_full':
    case 'snapshot_invalid':
    case 'read_only':
    case 'outcome_unknown':
    case 'data_corrupt':
    case 'internal':
      return exitCodes.failed;
  }
};
