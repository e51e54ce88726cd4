import type { IdSource } from '@skein/ports';

/**
 * Ids that count: `run_00000000-0001-7000-8000-000000000000`, … Shaped like UUIDv7 and ordered like it; equal in every run of a test.
 * `space` (0 … 65535) keeps two sources of one test apart.
 */
export const createSequenceIds = (space = 0): IdSource => {
  let count = 0;
  return {
    next: (prefix) => {
      count += 1;
      const head = count.toString(16).padStart(12, '0');
      return `${prefix}_${head.slice(0, 8)}-${head.slice(8)}-7000-8000-${space.toString(16).padStart(12, '0')}`;
    },
  };
};
