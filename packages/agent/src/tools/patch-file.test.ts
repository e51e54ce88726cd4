import type { JsonValue } from '@skein/domain';
import { createMemoryToolHost } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patchFile } from './patch-file.ts';

const hostWith = async (text: string, mode = 0o644) => {
  const host = createMemoryToolHost();
  await host.writeFile('/r', 'a.txt', new TextEncoder().encode(text), mode);
  return host;
};

const patch = (host: ReturnType<typeof createMemoryToolHost>, ...edits: readonly [string, string][]) =>
  patchFile(host, '/r', { path: './a.txt', edits: edits.map(([find, replace]) => ({ find, replace })) });

test('passages are replaced one after the other, and the mode stays', async () => {
  const host = await hostWith('one two three', 0o755);
  expect(await patch(host, ['two', '$& 2'], ['2 three', '3'])).toEqual({ path: 'a.txt', edits: 2, bytes: 8 });
  expect(host.files.get('a.txt')).toEqual({ text: 'one $& 3', mode: 0o755 });
});

describe('the file is unchanged', () => {
  test.each<[string, [string, string][], RegExp]>([
    [
      'does not occur',
      [
        ['one', '1'],
        ['four', '4'],
      ],
      /^edit 2: "find" does not occur/,
    ],
    ['occurs twice', [['o', '0']], /^edit 1: "find" occurs more than once/],
    [
      'overlaps itself',
      [
        ['ee', 'e'],
        ['aa', 'a'],
      ],
      /^edit 2: "find" occurs more than once/,
    ],
    ['is empty', [['', 'x']], /^edit 1: "find" is empty/],
  ])('when a passage %s', async (_name, edits, message) => {
    const host = await hostWith('one two three aaa');
    await expect(patch(host, ...edits)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(message),
    });
    expect(host.files.get('a.txt')?.text).toBe('one two three aaa');
  });

  test.each<JsonValue>([
    null,
    {},
    { path: 'a.txt' },
    { path: 'a.txt', edits: [] },
    { path: 'a.txt', edits: 'x' },
    { path: 'a.txt', edits: [{ find: 'one' }] },
    { path: 'a.txt', edits: Array.from({ length: 101 }, () => ({ find: 'one', replace: 'one' })) },
  ])('by the input %j', async (input) => {
    const host = await hostWith('one');
    await expect(patchFile(host, '/r', input)).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(host.files.get('a.txt')?.text).toBe('one');
  });

  test('when it is or becomes too large', async () => {
    const huge = 'x'.repeat(1024 * 1024 + 1);
    await expect(patch(await hostWith(`y${huge}`), ['y', 'z'])).rejects.toMatchObject({ code: 'too_large' });
    await expect(patch(await hostWith('y'), ['y', huge])).rejects.toMatchObject({ code: 'too_large' });
  });
});

test('a file that is not there, and a path that leaves the directory', async () => {
  const host = createMemoryToolHost();
  await expect(patch(host, ['a', 'b'])).rejects.toMatchObject({ code: 'not_found' });
  const outside = { path: '../a', edits: [{ find: 'a', replace: 'b' }] };
  await expect(patchFile(host, '/r', outside)).rejects.toMatchObject({ code: 'permission_denied' });
});

test('whatever text stands around a passage that occurs once, only the passage changes', async () => {
  const around = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('§'));
  await fc.assert(
    fc.asyncProperty(around, around, fc.string({ unit: 'grapheme' }), async (before, after, replace) => {
      const host = await hostWith(`${before}§${after}`);
      await patch(host, ['§', replace]);
      expect(host.files.get('a.txt')?.text).toBe(`${before}${replace}${after}`);
    }),
  );
});
