import { isDomainError } from '@skein/domain';

/** What a store that failed said, for people: its message, and its word for the reason when it has one. */
export const troubleOf = (thrown: unknown): string => {
  if (!isDomainError(thrown)) return 'it failed; see the log';
  const { reason } = (thrown.details ?? {}) as { readonly reason?: unknown };
  return typeof reason === 'string' ? `${thrown.message} (${reason})` : thrown.message;
};
