import { describe, expect, test } from 'vitest';
import { collidingSkillPath, skillPathDefect } from './skill-path.ts';

describe('the path of a skill file', () => {
  test.each([
    'scripts/run.sh',
    'a',
    '.hidden',
    'references/über/x y.md',
    'a..b',
    '...a',
    '½ … ﬁ.md',
    '10:30',
    'console.md',
    'a\u200db',
  ])('%s is fine', (path) => {
    expect(skillPathDefect(path, 512)).toBeUndefined();
  });

  test.each([
    '',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a/..',
    './a',
    'a//b',
    'a/',
    'a\\..\\b',
    'C:/x',
    'c:x',
    'a\u0000b',
    'a\nb',
    'a.',
    'a /b',
    'u\u0308',
    '\uff0e\uff0e/x',
    '\u2025/x',
    'a\uff0fb',
    'a\uff3cb',
    'c\uff1ax',
    'a\u202egnp.exe',
    'NUL',
    'a/con.txt',
    'lpt1',
  ])('%j is refused', (path) => {
    expect(skillPathDefect(path, 512)).toEqual(expect.any(String));
  });

  test('is measured in bytes', () => {
    expect(skillPathDefect('ü'.repeat(256), 512)).toBeUndefined();
    expect(skillPathDefect('ü'.repeat(257), 512)).toContain('512');
  });
});

test.each([
  [['a', 'A'], 'A'],
  [['a/b', 'A/B'], 'A/B'],
  [['a', 'a'], 'a'],
  [['straße', 'STRASSE'], 'STRASSE'],
  [['a', 'a/b'], 'a/b'],
  [['a/b', 'A'], 'A'],
  [['a/b', 'a/c', 'b'], undefined],
])('of %j the colliding one is %s', (paths, colliding) => {
  expect(collidingSkillPath(paths)).toBe(colliding);
});
