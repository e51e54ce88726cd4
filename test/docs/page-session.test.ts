import { expect, test } from 'vitest';
import { actsOf, isRun, notPrinted, playable } from './page-session.ts';

const page = (text: string) => ({ path: 'x.md', text });

test('only a page that says so is run', () => {
  expect([isRun(page('a\n<!-- run -->\nb')), isRun(page('a <!-- run --> b'))]).toEqual([true, false]);
});

test('the blocks to run come with what is shown after them', () => {
  const text =
    '```sh\none\n```\n```text\n1\n2\n```\n```sh\n# in another terminal\nup\n```\n```sh\ntwo\n```\n```yaml\nx\n```\n';
  expect(actsOf(page(text))).toEqual([
    { script: 'one\n', shown: ['1', '2'] },
    { script: 'two\n', shown: [] },
  ]);
});

test('placeholders become commands that ask for their value, only where they stand as words', () => {
  expect(playable('show RUN_ID MY_DIGEST')).toBe('show $(node "$PAGE_VALUES" RUN_ID) MY_DIGEST');
});

test('shown lines must be printed, in their order', () => {
  const output = 'STEP   STATUS\nwork   running  wrk_1  12 ms\nend\n';
  expect(notPrinted(['STEP STATUS', 'work  running  …', '…', 'end'], output)).toBeUndefined();
  expect(notPrinted(['end', 'work  running  …'], output)).toBe('work  running  …');
  expect(notPrinted(['work  running'], output)).toBe('work  running');
  expect(notPrinted(['w.rk  running  …'], output)).toBe('w.rk  running  …');
});
