import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanJson } from './json-scanner.ts';

const defectOf = (text: string, maxDepth = 64, nodes = 1_000) => scanJson(text, { maxDepth, nodes })?.message;
const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('scanning JSON', () => {
  test('passes whatever is ordinary', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const surprising = /__proto__|constructor|prototype/.test(text);
        if (!surprising) expect(defectOf(text)).toBeUndefined();
      }),
    );
  });

  test('agrees with the parser about what is JSON', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"',
      '\\',
      '\\u0041',
      '1',
      '-',
      '0',
      '.5',
      'e9',
      'true',
      'nul',
      ' ',
      '\n',
      '\u0001',
      '\u00a0',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (parts) => {
        const text = parts.join('');
        const defect = defectOf(text);
        if (defect === undefined) expect(parses(text)).toBe(true);
        else if (!/twice/.test(defect)) expect([text, defect, parses(text)]).toEqual([text, defect, false]);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['{"a":1,"a":2}', 'a key appears twice in one object'],
    ['{"a":1,"\\u0061":2}', 'a key appears twice in one object'],
    ['{"__proto__":1}', 'the key "__proto__" is not allowed'],
    ['{"\\u005f_proto__":1}', 'the key "__proto__" is not allowed'],
    ['[{"x":{"constructor":1}}]', 'the key "constructor" is not allowed'],
    ['{"prototype":1}', 'the key "prototype" is not allowed'],
    ['"\\ud800"', 'a string holds a lone surrogate'],
    ['{"\\udc00":1}', 'a string holds a lone surrogate'],
    ['1e999', 'a number is too large'],
    ['1 2', 'text follows the JSON value'],
    ['', 'JSON syntax error'],
  ])('refuses %s', (text, message) => {
    expect(defectOf(text)).toBe(message);
  });

  test('passes the same key in different objects and a whole pair of surrogates', () => {
    expect(defectOf('[{"a":{"a":1}},{"a":2},"\\ud83d\\ude00"]')).toBeUndefined();
  });

  test('refuses nesting of 10,000 and of a million without recursion', () => {
    for (const depth of [10_000, 1_000_000]) {
      expect(defectOf('['.repeat(depth), 64, 10_000_000)).toContain('nested deeper');
      expect(defectOf('{"a":'.repeat(depth), 64, 10_000_000)).toContain('nested deeper');
    }
    expect(defectOf(`${'['.repeat(64)}${']'.repeat(64)}`)).toBeUndefined();
    expect(defectOf(`${'['.repeat(65)}${']'.repeat(65)}`)).toContain('nested deeper');
  });

  test('counts values, across documents that share a budget', () => {
    const budget = { maxDepth: 8, nodes: 7 };
    expect(scanJson('[1,2,{}]', budget)).toBeUndefined();
    expect(scanJson('[1,2]', budget)).toBeUndefined();
    expect(scanJson('1', budget)?.message).toBe('too many JSON values');
    expect(defectOf(`[${'{},'.repeat(300_000)}1]`, 64, 200_000)).toBe('too many JSON values');
  });
});
