import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseListing, staysInside, type TreeEntry, writeListing } from './tree-listing.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const listing = (entries: unknown, version: unknown = 1): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ version, entries }));
const file = (path: unknown, rest: object = {}) => ({ path, kind: 'file', mode: 0o644, size: 1, digest, ...rest });
const dir = (path: string) => ({ path, kind: 'dir', mode: 0o755 });
const link = (path: string, target: unknown) => ({ path, kind: 'link', target });

test('a listing is read as it was written, in the order of its paths', () => {
  const entries: readonly TreeEntry[] = [
    { path: 'b/c', kind: 'link', target: '../a' },
    { path: 'b', kind: 'dir', mode: 0o700 },
    { path: 'a', kind: 'file', mode: 0o755, size: 3, digest },
    { path: 'empty', kind: 'file', mode: 0o600, size: 0 },
    { path: 'large', kind: 'file', mode: 0o600, size: 5 * 1024 * 1024, digest, pieces: [digest, digest] },
  ];
  expect(parseListing(writeListing(entries)).map(({ path }) => path)).toEqual(['a', 'b', 'b/c', 'empty', 'large']);
  expect(parseListing(writeListing(entries))).toEqual(expect.arrayContaining([...entries]));
});

test.each<[string, Uint8Array]>([
  ['no JSON', new TextEncoder().encode('{')],
  ['no UTF-8', new Uint8Array([0xff, 0xfe])],
  ['no object', new TextEncoder().encode('[]')],
  ['another version', listing([], 2)],
  ['entries that are no list', listing({})],
  ['an entry that is nothing', listing([null])],
  ['an absolute path', listing([file('/etc/passwd')])],
  ['a path that goes up', listing([dir('a'), file('a/../../x')])],
  ['the path ..', listing([dir('..')])],
  ['an empty path', listing([file('')])],
  ['an empty name', listing([dir('a'), file('a//b')])],
  ['a name with a zero byte', listing([file('a\0b')])],
  ['a very long name', listing([file('x'.repeat(256))])],
  ['a path that is no text', listing([file(7)])],
  ['a path twice', listing([file('a'), file('a')])],
  ['a file below nothing', listing([file('a/b')])],
  ['a file below a file', listing([file('a'), file('a/b')])],
  ['a file below a link', listing([dir('d'), link('l', 'd'), file('l/b')])],
  ['a directory after what is in it', listing([file('a/b'), dir('a')])],
  ['a link to an absolute path', listing([link('l', '/etc')])],
  ['a link that goes up and out', listing([dir('d'), link('d/l', '../..')])],
  ['a link that goes down and up again', listing([dir('d'), link('l', 'd/../x')])],
  ['a link to nowhere', listing([link('l', '')])],
  ['a link without a target', listing([link('l', undefined)])],
  ['an unknown kind', listing([{ path: 'a', kind: 'fifo', mode: 0 }])],
  ['a mode with the set-user bit', listing([file('a', { mode: 0o4755 })])],
  ['a mode that is no number', listing([file('a', { mode: '755' })])],
  ['a negative size', listing([file('a', { size: -1 })])],
  ['a file without a digest', listing([file('a', { digest: undefined })])],
  ['a digest that is a path', listing([file('a', { digest: '../x' })])],
  ['a large file without pieces', listing([file('a', { size: 5 * 1024 * 1024 })])],
  ['a large file with too few pieces', listing([file('a', { size: 9 * 1024 * 1024, pieces: [digest, digest] })])],
])('a listing with %s is refused', (_case, bytes) => {
  expect(() => parseListing(bytes)).toThrow(expect.objectContaining({ code: 'unprocessable' }));
});

test.each<[string, Uint8Array]>([
  ['too many entries', listing(Array.from({ length: 20_001 }, () => 0))],
  ['a file of 17 MiB', listing([file('a', { size: 17 * 1024 * 1024 })])],
  [
    'more than 64 MiB together',
    listing(
      Array.from({ length: 5 }, (_, index) =>
        file(`f${index}`, { size: 16 * 1024 * 1024, pieces: Array(4).fill(digest) }),
      ),
    ),
  ],
  ['more than 4 MiB of text', new Uint8Array(4 * 1024 * 1024 + 1)],
])('a listing of %s is too large', (_case, bytes) => {
  expect(() => parseListing(bytes)).toThrow(expect.objectContaining({ code: 'too_large' }));
});

test('no bytes make the reader of listings throw anything but its own errors', () => {
  const part = fc.constantFrom('a', 'b', '..', '.', '', '/', 'x\0');
  const path = fc.array(part, { maxLength: 4 }).map((parts) => parts.join('/'));
  const entry = fc.record(
    {
      path: fc.oneof(path, fc.jsonValue()),
      kind: fc.constantFrom('file', 'dir', 'link', 'x'),
      mode: fc.oneof(fc.constant(0o644), fc.integer()),
      size: fc.oneof(fc.constant(0), fc.integer()),
      digest: fc.constantFrom(digest, 'x', null),
      target: fc.oneof(path, fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
      try {
        for (const { path: accepted } of parseListing(listing(entries)))
          expect(posix.normalize(`/root/${accepted}`)).toBe(`/root/${accepted}`);
      } catch (error) {
        expect(['unprocessable', 'too_large']).toContain((error as { readonly code?: string }).code);
      }
    }),
  );
});

test('a link that is said to stay inside does so, wherever the links that it passes lead', () => {
  const part = fc.constantFrom('a', 'b', '..', '.', '');
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }),
      fc.array(part, { maxLength: 6 }),
      (path, target) => {
        if (!staysInside(path.join('/'), target.join('/'))) return;
        const reached = posix.normalize(posix.join('/r', ...path.slice(0, -1), ...target));
        expect(reached === '/r' || reached.startsWith('/r/')).toBe(true);
        const down = target.findIndex((each) => each === 'a' || each === 'b');
        if (down >= 0) expect(target.slice(down)).not.toContain('..');
      },
    ),
  );
});
