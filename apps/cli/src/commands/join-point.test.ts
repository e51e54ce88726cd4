import { expect, test } from 'vitest';
import { findJoinPoint, type JoinOptions } from './join-point.ts';

const find = (options: JoinOptions, env: { readonly [name: string]: string } = {}) =>
  findJoinPoint({ cwd: '/nowhere', env: { SKEIN_JOIN_TOKEN: 'join', ...env } }, options);

test('a worker joins at one address or at several, from flags or from the variable, each once', async () => {
  const variable = { SKEIN_COORDINATOR: 'a:1, b:2,a:1' };
  expect(await find({}, variable)).toEqual({ coordinators: ['a:1', 'b:2'], token: 'join' });
  expect(await find({ coordinator: ['c:3', '[::1]:4,c:3'] }, variable)).toEqual({
    coordinators: ['c:3', '[::1]:4'],
    token: 'join',
  });
});

test.each([
  ['a'],
  ['a:1,'],
  ['a:1 b:2'],
  ['http://a:1'],
  ['a:0'],
  [Array.from({ length: 33 }, (_, n) => `h${n}:1`).join(',')],
])('%s is refused before anything is started', async (given) => {
  await expect(find({ coordinator: [given] })).rejects.toMatchObject({ code: 'invalid_argument' });
});

test('without an address, or without a token, it says what is missing', async () => {
  await expect(find({})).rejects.toMatchObject({ code: 'unavailable' });
  await expect(find({ coordinator: ['a:1'], joinTokenFile: 'none' })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});
