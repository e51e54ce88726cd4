import { expect, test } from 'vitest';
import { begin, end, proofs, rows, table } from '../../scripts/crash-matrix.mjs';
import { pageAt } from './pages.ts';

test('the table of the crash matrix is what the names of the tests say', () => {
  const { text } = pageAt('docs/crash-matrix.md');
  const shown = text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim();
  expect(shown).toBe(table());
});

test('every row of the crash matrix has a test, or says why it has none', () => {
  const found = proofs();
  const bare = rows.filter(([number, , , , open]) => !found.has(number) && open === undefined);
  expect(bare.map(([number]) => number)).toEqual([]);
});

test('no test claims a row that does not exist', () => {
  expect([...proofs().keys()].filter((number) => !rows.some(([row]) => row === number))).toEqual([]);
});
