import { DomainError, type SnapshotInvalidReason } from '@skein/domain';

/** The error for bytes that are no snapshot; `part` names the part (`skill deploy`) when one is at fault. */
export const snapshotInvalid = (
  reason: SnapshotInvalidReason,
  message: string,
  part?: string,
): DomainError<'snapshot_invalid'> => {
  const text = part === undefined ? message : `${part}: ${message}`;
  return new DomainError('snapshot_invalid', text, part === undefined ? { reason } : { reason, part });
};

/** The error for anything over a limit, in the limit's unit. */
export const tooLarge = (what: string, limit: number, actual: number, unit = 'bytes'): DomainError<'too_large'> =>
  new DomainError('too_large', `${what}: ${actual} ${unit} where the limit is ${limit}`, { limit, actual, unit });
