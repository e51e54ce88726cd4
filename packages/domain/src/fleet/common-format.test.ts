import { expect, test } from 'vitest';
import { commonFormat } from './common-format.ts';

test.each([
  [[1], [1], 1],
  [[1, 2, 3], [1, 2], 2],
  [[2, 1], [3, 1, 2], 2],
  [[1, 3], [1, 2], 1],
  [[2, 3], [1], undefined],
  [[], [1], undefined],
  [[1], [], undefined],
])('a reader of %j and a writer of %j agree on %j', (read, written, agreed) => {
  expect(commonFormat(read, written)).toBe(agreed);
});
