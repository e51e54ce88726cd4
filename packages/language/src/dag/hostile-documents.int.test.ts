import type { Problem } from '@skein/domain';
import { fastestMs } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { parseDag } from './parse-dag.ts';

const problemsOf = (text: string): readonly Problem[] => {
  const read = parseDag(text, 'x.yaml');
  return read.ok ? [] : read.error;
};
const codesOf = (text: string): readonly unknown[] => problemsOf(text).map(({ message, code }) => [message, code]);

const root = 'name: root\nsteps: [echo]\n';
const document = (name: string, steps = '[echo]'): string => `---\nname: ${name}\nsteps: ${steps}\n`;
const documents = (count: number): string =>
  root + Array.from({ length: count }, (_, index) => document(`d${index}`)).join('');

describe('a file of documents', () => {
  test('may hold a hundred, and one more is one problem', () => {
    expect(problemsOf(documents(99))).toEqual([]);
    expect(codesOf(documents(100))).toEqual([['too many documents', 'too_large']]);
  });

  test.each([
    ['a thousand', documents(1_000)],
    ['a hundred thousand empty', `${root}${'---\n'.repeat(100_000)}x: 1\n`],
    ['a hundred thousand ended', `${root}${'...\n'.repeat(100_000)}`],
  ])('of %s is answered, not worked on for ever', (_name, text) => {
    const takenMs = fastestMs(15_000, () => expect(problemsOf(text).length).toBeLessThanOrEqual(200));
    expect(takenMs).toBeLessThan(15_000);
  });

  test('empty ones at the end do not count', () => {
    expect(problemsOf(`${root}---\n---\n# nothing\n---\n`)).toEqual([]);
    expect(problemsOf('---\n').map(({ message }) => message)).toEqual(['the file is empty']);
    expect(problemsOf('---\n---\n').map(({ message }) => message)).toEqual(['the file is empty']);
    expect(problemsOf(`---\n---\n${root}`).map(({ message, line }) => [message, line])).toEqual([
      ['the document is empty', 1],
    ]);
  });

  test('shares one limit of aliases, however they are spread', () => {
    const aliases = (count: number) => `[&a { command: x }, ${Array.from({ length: count }, () => '*a').join(', ')}]`;
    expect(codesOf(`${root}${document('b', aliases(60))}${document('c', aliases(60))}`)).toEqual([
      ['too many aliases', 'too_large'],
    ]);
  });

  test('shares one limit of values, so that no document can blow up after another', () => {
    const list = `[&a { description: [${'1,'.repeat(5_000)}] }, ${'*a, '.repeat(9)}]`;
    expect(codesOf(`${root}${document('b', list)}${document('c', list)}`).at(-1)).toEqual([
      'too many values',
      'too_large',
    ]);
  });

  test('may not be nested without end in any of them', () => {
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(codesOf(`${root}${document('b', nested)}`)).toEqual([['nested too deeply', 'too_large']]);
  });

  test('of 10 MB is refused by its size', () => {
    expect(codesOf(documents(300_000))).toEqual([['the file is too large', 'too_large']]);
  });

  test('has its problems at the lines of the right document', () => {
    const text = `${root}${document('b', '[{ id: a, comand: x }]')}${document('c', '[{ id: a, command: "${params.x}" }]')}`;
    expect(problemsOf(text).map(({ line, column, message }) => [line, column, message])).toEqual([
      [5, 18, 'unknown field comand in a step'],
      [8, 28, '${params.x}: the DAG declares no parameter "x"'],
    ]);
  });

  test('a document may ask for its own YAML version and tags, which change nothing', () => {
    expect(problemsOf(`${root}...\n%YAML 1.1\n${document('b')}`)).toEqual([]);
  });
});

describe('names', () => {
  test.each([
    ['сhild', 'a Cyrillic letter'],
    ['child\u200B', 'a character without width'],
    ['ｃhild', 'a wide letter'],
    ['__proto__', 'a word of JavaScript'],
    ['toString', 'a word of JavaScript'],
    ['constructor', 'a word of JavaScript'],
    ['../child', 'a path'],
  ])('an inline sub-DAG may not be called %j: %s', (name) => {
    expect(problemsOf(`${root}${document(JSON.stringify(name))}`)).toHaveLength(1);
  });

  test('a step of the graph cannot take the place of a handler', () => {
    expect(problemsOf('steps:\n  - { id: "@exit", command: x }\n')).toHaveLength(1);
    expect(problemsOf('steps:\n  - { id: a, command: x, depends: "@init" }\nhandler_on: { init: x }\n')).toHaveLength(
      1,
    );
    expect(
      problemsOf('steps:\n  - { id: a, command: "echo ${steps.@init.stdout}" }\nhandler_on: { init: x }\n'),
    ).toHaveLength(1);
  });

  test.each(['ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'AKIAIOSFODNN7EXAMPLE', 'c3VwZXIyc2VjcmV0M3ZhbHVlNGhlcmU'])(
    'the value %s in the place of a name is refused and not repeated',
    (value) => {
      const read = parseDag(`name: a\nsecrets: [${value}]\nsteps:\n  - id: s\n    command: echo\n`, 'a.yaml');
      expect(read).toMatchObject({
        ok: false,
        error: [{ message: 'this looks like a secret, not like its name', line: 2 }],
      });
      expect(JSON.stringify(read)).not.toContain(value);
    },
  );

  test('a value of a misspelt secret is never repeated', () => {
    const canary = 'sk-canary 1234';
    const forms = [
      `secrets: ["${canary}"]`,
      `secrets: { TOKEN: "${canary}" }`,
      `secrets: "${canary}"`,
      `secrets: [{ name: TOKEN, source: "${canary}" }]`,
      `secrets: [{ name: "${canary}" }]`,
      `secrets: [["${canary}"]]`,
    ];
    for (const form of forms) {
      const problems = problemsOf(`${form}\nsteps: [x]\n`);
      expect(problems.length).toBeGreaterThan(0);
      expect(JSON.stringify(problems)).not.toContain('canary');
    }
  });
});
