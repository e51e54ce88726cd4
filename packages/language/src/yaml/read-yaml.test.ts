import { expect, test, vi } from 'vitest';
import { createSourceText } from '../problem/source-text.ts';
import { decodeText, maxTextBytes } from './decode-text.ts';
import { readYaml } from './read-yaml.ts';
import { toJson } from './to-json.ts';

// Large inputs, and other tests share the machine.
vi.setConfig({ testTimeout: 30_000 });

const read = (text: string) => {
  const source = createSourceText('x.yaml', text);
  const node = readYaml(source);
  return { value: node === undefined ? undefined : toJson(node, source), problems: source.problems };
};

test('aliases and merge keys are followed, and own keys win over merged ones', () => {
  const { value, problems } = read('a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  y: 3\nc: *a\nd: { <<: [*a, { z: 4 }] }\n');
  expect(problems).toEqual([]);
  expect(value).toEqual({ a: { x: 1, y: 2 }, b: { y: 3, x: 1 }, c: { x: 1, y: 2 }, d: { x: 1, y: 2, z: 4 } });
});

test('a merge list takes maps written in place as well', () => {
  expect(read('a: &a { x: 1 }\nd:\n  <<: [*a, *a]\n  y: 2\n').value).toEqual({ a: { x: 1 }, d: { y: 2, x: 1 } });
});

test('more aliases than the limit stop the reading with one problem of code too_large', () => {
  const { value, problems } = read(`a: &a [1]\nb: [${Array.from({ length: 101 }, () => '*a').join(', ')}]\n`);
  expect(value).toBeUndefined();
  expect(problems.map(({ code, line }) => [code, line])).toEqual([['too_large', 2]]);
});

test('a few aliases of large lists cannot blow up either', () => {
  const list = `[${Array.from({ length: 5_000 }, () => '1').join(',')}]`;
  const { value, problems } = read(`a: &a ${list}\nb: [${Array.from({ length: 90 }, () => '*a').join(', ')}]\n`);
  expect(value).toBeUndefined();
  expect(problems.map(({ code, message }) => [code, message])).toEqual([['too_large', 'too many values']]);
});

test.each([
  ['open brackets', '['.repeat(100_000)],
  ['closed brackets', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['dashes on one line', '- '.repeat(100_000)],
  ['braces', '{a: '.repeat(50_000)],
  ['keys on one line', '? '.repeat(100_000)],
  ['growing indentation', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
])('%s nested without end are one problem, not a crash', (_name, text) => {
  const { value, problems } = read(text);
  expect(value).toBeUndefined();
  expect(problems.some(({ code }) => code === 'too_large')).toBe(true);
});

test('a large flat map is read in time that grows with its size', () => {
  const keys = Array.from({ length: 8_000 }, (_, index) => `k${index}: ${index}`);
  const { value, problems } = read(keys.join('\n'));
  expect(problems).toEqual([]);
  expect(Object.keys(value as object)).toHaveLength(8_000);
});

test('keys that reach into JavaScript objects are refused at any depth', () => {
  const { problems } = read('a: [{ __proto__: { x: 1 } }]\nconstructor: 1\nb: { prototype: 2 }\n');
  expect(problems.map(({ line, column }) => [line, column])).toEqual([
    [1, 7],
    [2, 1],
    [3, 6],
  ]);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test('yes, no, dates and times are text, as YAML 1.2 says', () => {
  expect(read('a: yes\nb: 2026-01-01\nc: 12:30\nd: 0o17\ne: 010\n').value).toEqual({
    a: 'yes',
    b: '2026-01-01',
    c: '12:30',
    d: 15,
    e: 10,
  });
});

test('positions count in the text that the author wrote, also after wide characters and CRLF', () => {
  const { problems } = read('a: "\u{1F9F6}"\r\nb: 1\r\nb: 2\r\n');
  expect(problems.map(({ line, column }) => [line, column])).toEqual([[3, 1]]);
});

test('bytes that are not UTF-8 are a problem in the line where they stand', () => {
  const bytes = new Uint8Array([0x61, 0x3a, 0x20, 0x31, 0x0a, 0x62, 0x3a, 0x20, 0xff, 0x0a]);
  const decoded = decodeText('dags/x.yaml', bytes);
  expect(decoded.ok).toBe(false);
  if (!decoded.ok) expect(decoded.error).toMatchObject({ file: 'dags/x.yaml', line: 2, message: 'not UTF-8 text' });
});

test('a file over 1 MiB is refused with the code too_large, before it is read', () => {
  const decoded = decodeText('dags/x.yaml', new Uint8Array(maxTextBytes + 1));
  expect(decoded.ok).toBe(false);
  if (!decoded.ok) expect(decoded.error.code).toBe('too_large');
});

test('a byte order mark is no part of the text', () => {
  const decoded = decodeText('x', new Uint8Array([0xef, 0xbb, 0xbf, 0x61]));
  expect(decoded).toEqual({ ok: true, value: 'a' });
});

test('aliases cannot nest deeper than brackets may', () => {
  const links = [1, 2, 3, 4].map((link) => `a${link}: &a${link} ${'['.repeat(20)}*a${link - 1}${']'.repeat(20)}`);
  const { value, problems } = read(['a0: &a0 [1]', ...links].join('\n'));
  expect(value).toBeUndefined();
  expect(problems.map(({ message, code }) => [message, code])).toEqual([['nested too deeply', 'too_large']]);
});

test('a document that asks for YAML 1.1 is read without surprises', () => {
  const { value, problems } = read('%YAML 1.1\n---\na: &a { x: 2026-01-01 }\nb:\n  <<: *a\n  y: yes\n');
  expect(problems).toEqual([]);
  expect(value).toEqual({ a: { x: '2026-01-01' }, b: { y: true, x: '2026-01-01' } });
});

test('a field of a merged map has the path of the map that it was merged into', () => {
  const source = createSourceText('x.yaml', 'a: &a { x: 1 }\nb: { <<: *a }\n');
  const node = readYaml(source);
  const b = node?.kind === 'map' ? node.entries[1]?.value : undefined;
  expect(b?.kind === 'map' ? b.entries.map(({ value }) => value.path) : []).toEqual(['b.x']);
});
