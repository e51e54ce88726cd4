import { isDomainError } from '@skein/domain';

/** True for a store that may answer later. */
export const isPassing = (thrown: unknown): boolean =>
  isDomainError(thrown) &&
  (thrown.code === 'unavailable' || thrown.code === 'deadline_exceeded' || thrown.code === 'resource_exhausted');
