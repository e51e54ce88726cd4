import { DomainError } from '@skein/domain';

/**
 * The normal form of a relative path inside the private directory. Throws `permission_denied` for whatever points elsewhere by its
 * words alone; symbolic links are the tool host's to refuse.
 */
export const jailedPath = (path: string): string => {
  if (path.includes('\0')) throw new DomainError('permission_denied', 'the path holds a NUL character');
  if (path.startsWith('/') || path.startsWith('~') || path.includes('\\') || /^[A-Za-z]:/.test(path)) {
    throw new DomainError('permission_denied', 'the path must be relative to your private directory, with /');
  }
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw new DomainError('permission_denied', 'the path leaves your private directory');
  if (segments.length === 0) throw new DomainError('invalid_argument', 'the path names no file');
  return segments.join('/');
};
