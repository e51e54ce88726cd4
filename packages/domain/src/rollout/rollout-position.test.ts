import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rolloutPosition } from './rollout-position.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const position = (salt: string, unit: string): number => rolloutPosition(sha256, salt, unit);

describe('the position of a unit in a rollout', () => {
  test.each([
    ['', '', 3576971624],
    ['s1', 'user-1', 3370967904],
    ['s1', 'user-2', 4146337770],
    ['s2', 'user-1', 514968408],
    ['s1', 'üñí-😀', 2581381680],
    ['s1', 'a:b', 2859146958],
    ['s1:a', 'b', 3799150544],
    ['rol_01J', 'tenant-9/thread-42', 3939525952],
  ])('of salt "%s" and unit "%s" is %i', (salt, unit, expected) => {
    expect(position(salt, unit)).toBe(expected);
  });

  test('is the big-endian start of a SHA-256, for any text', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('ü', '😀', '\u2028', 'x'.repeat(10_000)));
    fc.assert(
      fc.property(text, text, (salt, unit) => {
        const whole = createHash('sha256').update(`rollout/v1\0${salt}\0${unit}`).digest();
        expect(position(salt, unit)).toBe(whole.readUInt32BE(0));
      }),
    );
  });

  test('[g12.1] [defect 11] is for ever what a thousand pairs say that were made without this code (O2)', () => {
    const file = new URL('../../test-data/rollout-positions.json', import.meta.url);
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as { salt: string; unit: string; position: number }[];
    expect(vectors).toHaveLength(1_000);
    expect(vectors.filter((vector) => position(vector.salt, vector.unit) !== vector.position)).toEqual([]);
    const texts = vectors.flatMap(({ salt, unit }) => [salt, unit]);
    for (const kind of [/^$/, /[\u0080-\uffff]/, /[\u{10000}-\u{10ffff}]/u, /^.{10000,}$/s]) {
      expect(texts.filter((text) => kind.test(text)).length, String(kind)).toBeGreaterThan(1);
    }
  });

  test('is refused for text that could mean two things', () => {
    for (const text of ['a\0b', '\ud800']) {
      expect(() => position(text, 'u')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
      expect(() => position('s', text)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });
});
