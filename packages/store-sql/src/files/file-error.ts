import { DomainError } from '@skein/domain';

/** True for the error of a file that is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

const full = new Set(['ENOSPC', 'EDQUOT']);
const failed = new Set(['EIO', 'EROFS']);

/** The typed error of a file operation that failed; `details.reason` says the same as it does of the database. */
export const fileError = (error: unknown): DomainError => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
  if (full.has(code))
    return new DomainError('unavailable', 'the disk is full', { reason: 'disk_full', file: code }, error);
  const details = failed.has(code) ? { reason: 'io_error', file: code } : { file: code };
  return new DomainError('unavailable', 'a file of the data folder failed', details, error);
};
