import { anyText, propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { peekProperty } from './deferred-text.ts';
import { type JsonBudget, JsonDefect, JsonReader } from './json-reader.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const readBytes = (bytes: Uint8Array, budget: JsonBudget, deferOver = Number.POSITIVE_INFINITY): unknown =>
  new JsonReader(bytes, budget, deferOver).read();
/** What is wrong with a text, or undefined. */
const scanJson = (text: string, budget: JsonBudget) => {
  try {
    readBytes(bytesOf(text), budget);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof JsonDefect) return thrown;
    throw thrown;
  }
};
const defectOf = (text: string, maxDepth = 64, nodes = 1_000) => scanJson(text, { maxDepth, nodes })?.message;
const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('reading JSON', () => {
  test('passes whatever is ordinary', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const surprising = /__proto__|constructor|prototype/.test(text);
        if (surprising) return;
        for (const deferOver of [0, 3, Number.POSITIVE_INFINITY]) {
          const value = readBytes(bytesOf(text), { maxDepth: 64, nodes: 1_000 }, deferOver);
          expect(value).toEqual(JSON.parse(text));
          expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
        }
      }),
    );
  });

  test('agrees with the decoder about what is UTF-8', () => {
    const byte = fc.oneof(
      fc.nat(255),
      fc.constantFrom(0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0x80, 0x90, 0x9f, 0xa0, 0xbf),
    );
    const text = fc.oneof(
      fc.array(byte, { maxLength: 6 }),
      anyText(3).map((chars) => [...new TextEncoder().encode(chars)]),
    );
    fc.assert(
      fc.property(text, (inner) => {
        fc.pre(!inner.some((one) => one < 0x20 || one === 0x22 || one === 0x5c));
        const bytes = Uint8Array.of(0x22, ...inner, 0x22);
        let expected: string | undefined;
        try {
          expected = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).slice(1, -1);
        } catch {}
        const budget = { maxDepth: 1, nodes: 1 };
        if (expected === undefined) expect(() => readBytes(bytes, budget)).toThrow('not UTF-8');
        else expect(readBytes(bytes, budget)).toBe(expected);
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  test('leaves long text of fields in the bytes until it is read', () => {
    const long = 'x\n\u{1f600}'.repeat(20);
    const value = readBytes(bytesOf(JSON.stringify({ long, list: [long], short: 'x' })), { maxDepth: 8, nodes: 9 }, 40);
    const object = value as { long: string; list: string[] };
    expect(typeof peekProperty(object, 'long')).toBe('object');
    expect(peekProperty(object, 'short')).toBe('x');
    expect(object).toEqual({ long, list: [long], short: 'x' });
    expect(Object.keys(object)).toEqual(['long', 'list', 'short']);
    expect(structuredClone(object)).toEqual({ long, list: [long], short: 'x' });
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
        else if (/too large/.test(defect) && parses(text)) {
          expect(JSON.stringify(JSON.parse(text))).toContain('null'); // the number became infinite
        } else if (!/twice/.test(defect)) expect([text, defect, parses(text)]).toEqual([text, defect, false]);
      }),
      { numRuns: propertyRuns(700) },
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
    ['"\\ud800\\ud800"', 'a string holds a lone surrogate'],
    ['"\\ud800\\n"', 'a string holds a lone surrogate'],
    ['"\\ud800\\u00zz"', 'JSON syntax error in a string'],
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
