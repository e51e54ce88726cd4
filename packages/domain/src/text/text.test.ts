import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanText, hasLoneSurrogate } from './clean-text.ts';
import { suggest } from './suggest.ts';
import { utf8Bytes, utf8Length } from './utf8.ts';

const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((list) => String.fromCharCode(...list));

describe('clean text', () => {
  test('drops NUL and replaces lone surrogates', () => {
    expect(cleanText('a\u0000b\ud800c\udc00d😀')).toBe('ab\ufffdc\ufffdd😀');
  });

  test('survives a round trip through UTF-8 and holds no NUL', () => {
    fc.assert(
      fc.property(units, (text) => {
        const clean = cleanText(text);
        expect(Buffer.from(clean).toString()).toBe(clean);
        expect(clean).not.toContain('\u0000');
        expect(hasLoneSurrogate(clean)).toBe(false);
        expect(cleanText(clean)).toBe(clean);
      }),
    );
  });
});

describe('UTF-8', () => {
  test('equals that of the platform for any text, well formed or not', () => {
    fc.assert(
      fc.property(fc.oneof(units, fc.string(), fc.constantFrom('😀', 'a😀\ud83d')), (text) => {
        expect(Buffer.from(utf8Bytes(text))).toEqual(Buffer.from(text));
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
  });
});

describe('a suggestion', () => {
  const fields = ['command', 'script', 'depends', 'retry_policy', 'env'];

  test.each([
    ['comand', 'command'],
    ['depend', 'depends'],
    ['retryPolicy', 'retry_policy'],
    ['retry-polcy', 'retry_policy'],
    ['dpeends', 'depends'],
    ['ENV', 'env'],
    ['evn', 'env'],
  ])('for "%s" is "%s"', (word, meant) => {
    expect(suggest(word, fields)).toBe(meant);
  });

  test('is not made for a word that is like none', () => {
    expect(suggest('image', fields)).toBeUndefined();
    expect(suggest('x', ['y'])).toBeUndefined();
    expect(suggest('anything', [])).toBeUndefined();
  });

  test('is always the word itself when it is known', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fields), (field) => {
        expect(suggest(field, fields)).toBe(field);
      }),
    );
  });
});
