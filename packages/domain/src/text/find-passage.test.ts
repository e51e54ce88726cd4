import { fastestMs } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findPassage } from './find-passage.ts';

const piece = fc.constantFrom('a', 'ab', 'aab', 'a'.repeat(20), 'ab'.repeat(12), '\n', '😀');
const pieces = (maxLength: number) => fc.array(piece, { maxLength }).map((list) => list.join(''));

test('finds what the engine finds, in texts that repeat themselves', () => {
  fc.assert(
    fc.property(pieces(30), pieces(6), pieces(30), fc.nat(200), (before, passage, after, from) => {
      for (const text of [before + passage + after, before + after]) {
        expect(findPassage(text, passage, from)).toBe(text.indexOf(passage, from));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a passage that is almost everywhere costs no more than another', () => {
  const takenMs = fastestMs(1_000, () => {
    // 5 ms each; text times passage would be 500 ms.
    for (let round = 0; round < 10; round += 1) {
      expect(findPassage('a'.repeat(65_000), `${'a'.repeat(4_000)}b${'a'.repeat(4_000)}`)).toBe(-1);
    }
  });
  expect(takenMs).toBeLessThan(1_000);
});
