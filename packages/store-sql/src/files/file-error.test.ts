import { expect, test } from 'vitest';
import { fileError } from './file-error.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ['ENOSPC', 'disk_full'],
  ['EDQUOT', 'disk_full'],
  ['EIO', 'io_error'],
  ['EROFS', 'io_error'],
  ['EMFILE', undefined],
])('a file that fails with %s says the reason that the database would say: %s', (code, reason) => {
  const error = fileError(failure(code));
  expect([error.code, error.details?.['reason'], error.details?.['file']]).toEqual(['unavailable', reason, code]);
});
