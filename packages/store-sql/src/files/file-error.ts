import { DomainError } from '@skein/domain';

/** True for the error of a file that is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** The typed error of a file operation that failed. */
export const fileError = (error: unknown): DomainError => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
  const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : 'a file of the data folder failed';
  return new DomainError('unavailable', reason, { file: code }, error);
};
