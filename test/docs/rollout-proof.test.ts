import { expect, test } from 'vitest';
import { proofsOf } from '../../scripts/named-tests.mjs';
import { tables } from '../../scripts/rollout-proof.mjs';
import { pageAt } from './pages.ts';

for (const { name, tag, rows, begin, end, table } of tables()) {
  test(`the table of ${name} is what the names of the tests say [g12.20]`, () => {
    const { text } = pageAt('docs/rollout-proof.md');
    expect(text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim()).toBe(table);
  });

  test(`each of the ${name} has a test, or a reason why it needs none [g12.20]`, () => {
    const found = proofsOf(tag);
    const bare = rows.filter(([number, , open]) => !found.has(Number(number)) && open === undefined);
    expect(bare.map(([number]) => number)).toEqual([]);
  });

  test(`no test claims one of the ${name} that does not exist`, () => {
    expect([...proofsOf(tag).keys()].filter((number) => !rows.some(([row]) => row === number))).toEqual([]);
  });
}
