import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanText } from '../text/clean-text.ts';
import { encodeFact, maxFactBytes } from './fact-text.ts';
import type { RunFact } from './run-fact.ts';

const note = (message: string): RunFact => ({
  type: 'cancel_requested',
  v: 1,
  at: 1,
  by: 'test',
  reason: 'requested',
  message,
});
const empty = Buffer.byteLength(JSON.stringify(note('')));

describe('the text of a fact', () => {
  test('gives the fact back, cleaned, whatever its text holds', () => {
    const units = fc.array(fc.constantFrom('\u0000', '\ud800', '\udc00', '\\', '"', 'u0000', 'a', '😀'));
    fc.assert(
      fc.property(
        units.map((list) => list.join('')),
        (message) => {
          const text = encodeFact(note(message));
          expect(JSON.parse(text)).toEqual(note(cleanText(message)));
          expect(Buffer.from(text).toString()).toBe(text);
        },
      ),
    );
  });

  test('is clean in the names of values too', () => {
    const submitted = { ...note(''), params: { 'a\u0000b': ['\ud800'] } } as unknown as RunFact;
    expect(JSON.parse(encodeFact(submitted))).toMatchObject({ params: { ab: ['\ufffd'] } });
  });

  test.each([
    ['one byte', 'x'],
    ['two', 'ü'],
    ['three', '€'],
  ])('may be 64 KiB in bytes and no more, in characters of %s', (_name, character) => {
    const bytes = Buffer.byteLength(character);
    const room = maxFactBytes - empty;
    const fits = character.repeat(Math.floor(room / bytes)) + 'x'.repeat(room % bytes);
    expect(Buffer.byteLength(encodeFact(note(fits)))).toBe(maxFactBytes);
    expect(() => encodeFact(note(`${fits}x`))).toThrow(
      expect.objectContaining({ code: 'too_large', details: { limit: maxFactBytes, actual: maxFactBytes + 1 } }),
    );
  });
});
