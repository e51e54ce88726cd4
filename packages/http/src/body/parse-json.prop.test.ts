import { isDomainError } from '@skein/domain';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxJsonDepth, parseJson } from './parse-json.ts';

const polluting = ['__proto__', 'constructor', 'prototype'];

/** The text with every character of its keys and strings as a \u escape. */
const escaped = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"((?:[^"\\]|\\.)*)"/g, (literal) => {
    const text = JSON.parse(literal) as string;
    return `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
  });

test('reads every JSON text as JSON.parse does, however it is written', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), (value, indent) => {
      fc.pre(!/"(?:__proto__|constructor|prototype)"\s*:/.test(JSON.stringify(value)));
      const expected: unknown = JSON.parse(JSON.stringify(value));
      expect(parseJson(JSON.stringify(value, null, indent))).toEqual(expected);
      expect(parseJson(escaped(value))).toEqual(expected);
    }),
  );
});

test('finds a polluting key at any depth, in any spelling', () => {
  fc.assert(
    fc.property(fc.constantFrom(...polluting), fc.jsonValue({ maxDepth: 2 }), fc.nat(10), (key, value, depth) => {
      let text = `{${JSON.stringify(key)} \n\t: ${JSON.stringify(value)}}`;
      for (let level = 0; level < depth; level += 1) text = level % 2 === 0 ? `[${text}]` : `{"a":${text}}`;
      expect(() => parseJson(text)).toThrow('not allowed');
      expect(() =>
        parseJson(text.replace(key, `\\u${key.charCodeAt(0).toString(16).padStart(4, '0')}${key.slice(1)}`)),
      ).toThrow('not allowed');
    }),
  );
});

test('any text at all is a value or a typed refusal', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0 a1'.split('')) })), (text) => {
      try {
        parseJson(text);
        JSON.parse(text);
      } catch (error) {
        expect(isDomainError(error) && error.code === 'invalid_argument').toBe(true);
      }
    }),
  );
});

test('the depth limit is exact', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  expect(() => parseJson(nested(maxJsonDepth))).not.toThrow();
  expect(() => parseJson(nested(maxJsonDepth + 1))).toThrow('deeper');
});
