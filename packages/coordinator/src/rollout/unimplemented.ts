import { DomainError } from '@skein/domain';

/** What this coordinator cannot do yet. */
export const unimplemented = (what: string): DomainError =>
  new DomainError('unimplemented', `${what} is not there yet`);
