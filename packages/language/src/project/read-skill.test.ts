import type { ProjectFile } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { renderProblem, renderProblems } from '../problem/render-problems.ts';
import { readSkill, type SkillReading } from './read-skill.ts';

type Tree = { readonly [path: string]: string };

const filesOf = (tree: Tree): readonly ProjectFile[] =>
  Object.entries(tree).map(([path, text]) => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) }));

const read = (text: string, id = 's', more: Tree = {}): SkillReading =>
  readSkill(id, filesOf({ [`skills/${id}/SKILL.md`]: text, ...more }));
const problemsOf = (...given: Parameters<typeof read>): readonly string[] => read(...given).problems.map(renderProblem);

describe('skills', () => {
  test('a description with an unquoted colon is read all the same', () => {
    const text = '---\nname: s\ndescription: Use when: things break\n---\nBody\n';
    const { skill, warnings } = read(text);
    expect(skill?.description).toBe('Use when: things break');
    expect(warnings).toHaveLength(1);
  });

  test('a name that differs from the folder is a warning, the folder wins', () => {
    const { warnings } = read('---\nname: other\ndescription: d\n---\n');
    expect(renderProblems(warnings)).toBe('skills/s/SKILL.md:2:7: name "other" differs from the folder (expected s)');
  });

  test.each([
    ['no front matter', '# Title\n', 'skills/s/SKILL.md:1:1: no front matter'],
    ['no description', '---\nname: s\n---\n', 'needs description'],
    ['an empty description', '---\nname: s\ndescription: " "\n---\n', 'skills/s/SKILL.md:3:14: the text is empty'],
    ['a long description', `---\nname: s\ndescription: ${'x'.repeat(1025)}\n---\n`, 'the text is too long'],
    [
      'a long compatibility',
      `---\nname: s\ndescription: d\ncompatibility: ${'x'.repeat(501)}\n---\n`,
      'the text is too long',
    ],
    ['a description that is a list', '---\nname: s\ndescription: [a]\n---\n', 'description may not be a list'],
    ['an open front matter', '---\nname: s\n', 'no front matter'],
  ])('%s is a problem', (_name, text, expected) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  test('what the standard tells clients to tolerate is a warning', () => {
    const text = [
      '---',
      'description: d',
      'licence: MIT',
      'version: 2',
      'allowed-tools: [Read, "Bash(git:*)"]',
      'metadata: { owner: me, version: 1.10, nested: { a: b }, none: }',
      '---',
      'Body',
    ].join('\n');
    const { skill, warnings } = read(text);
    expect(renderProblems(warnings).split('\n')).toEqual([
      'skills/s/SKILL.md:2:1: the skill has no name of its own (expected s)',
      'skills/s/SKILL.md:3:1: unknown field licence in the front matter of a skill (did you mean license?)',
      'skills/s/SKILL.md:4:1: unknown field version in the front matter of a skill (expected one of name, description, license, compatibility, metadata, allowed-tools)',
      'skills/s/SKILL.md:5:16: allowed-tools is a list (expected one text, with spaces between)',
      'skills/s/SKILL.md:6:47: metadata nested is no text and is left out (expected text)',
    ]);
    expect(skill).toMatchObject({
      name: 's',
      metadata: { 'allowed-tools': 'Read Bash(git:*)', owner: 'me', version: '1.10' },
    });
  });

  test('limits count characters, not halves of them', () => {
    const text = (count: number) => `---\nname: s\ndescription: ${'\u{1F9F6}'.repeat(count)}\n---\n`;
    expect(problemsOf(text(1024))).toEqual([]);
    expect(problemsOf(text(1025))).toHaveLength(1);
  });

  test('a link is refused, wherever it leads', () => {
    const link = { path: 'skills/s/references/passwd', mode: 0o120777, bytes: new Uint8Array() };
    const main = filesOf({ 'skills/s/SKILL.md': '---\nname: s\ndescription: d\n---\n' });
    const { problems } = readSkill('s', [...main, link]);
    expect(renderProblems(problems)).toBe('skills/s/references/passwd: the path is that of a link');
    const linkedMain = readSkill('s', [{ ...link, path: 'skills/s/SKILL.md' }]);
    expect(renderProblems(linkedMain.problems)).toBe('skills/s/SKILL.md: the path is that of a link');
  });

  test.each(['constructor', 'Upper', 'double--hyphen', '-x', 'under_score'])(
    'a folder named %s is no skill name',
    (id) => {
      const problems = problemsOf(`---\nname: ${id}\ndescription: d\n---\n`, id);
      expect(problems[0]).toContain('is not a skill name');
    },
  );

  test('files that could not live side by side everywhere are refused', () => {
    const text = '---\nname: s\ndescription: d\n---\n';
    expect(problemsOf(text, 's', { 'skills/s/A.md': '1', 'skills/s/a.md': '2' })).toHaveLength(1);
    expect(problemsOf(text, 's', { 'skills/s/../x': '1' })[0]).toContain('is not normalised');
    expect(problemsOf(text, 's', { [`skills/s/${'x'.repeat(600)}`]: '1' })[0]).toContain('longer than');
  });
});
