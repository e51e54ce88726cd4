import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromPeerJson, toPeerJson } from './peer-json.ts';

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.constant(undefined),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$bytes', '$undefined', '$object', '__proto__')), tie('any'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).any;

/** Absent fields stay absent, and no number is -0. */
const plain = (given: unknown): unknown => {
  if (given instanceof Uint8Array) return `bytes ${given.join()}`;
  if (Array.isArray(given)) return given.map(plain);
  if (Object.is(given, -0)) return 0;
  if (typeof given !== 'object' || given === null) return given;
  return new Map(
    Object.entries(given)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, plain(inner)]),
  );
};

test('arguments and answers are the same at the other end', () => {
  fc.assert(
    fc.property(value, (given) => {
      const travelled = JSON.parse(JSON.stringify(toPeerJson(given)));
      expect(plain(fromPeerJson(travelled))).toEqual(plain(given));
    }),
  );
});

test('bytes that are no bytes are refused', () => {
  expect(() => fromPeerJson({ $bytes: 'a b' })).toThrow('base64');
});
