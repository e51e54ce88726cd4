import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalBytes, canonicalJson } from './canonical-json.ts';
import type { JsonValue } from './json-value.ts';

const jsonValue = fc.jsonValue() as fc.Arbitrary<JsonValue>;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
  .map((list) => String.fromCharCode(...list));

const shuffled = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, shuffled(inner)]),
  );
};

describe('canonical JSON', () => {
  test('reads back as the same value', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    );
  });

  test('is a fixed point', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
    );
  });

  test('brings every finite number back exactly, without minus zero', () => {
    fc.assert(
      fc.property(finite, (value) => {
        expect(Number(canonicalJson(value))).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  // RFC 8785 appendix B.
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('writes the double %s as %s', (hex, text) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(`0x${hex}`));
    expect(canonicalJson(view.getFloat64(0))).toBe(text);
  });

  test('escapes only what must be escaped', () => {
    expect(canonicalJson('\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/')).toBe(
      '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"',
    );
    expect(canonicalJson('\b\t\n\f\r\u007f\u2028')).toBe('"\\b\\t\\n\\f\\r\u007f\u2028"');
  });

  // RFC 8785 section 3.2.3: U+1F600 sorts before U+FB33, because its first unit is a surrogate.
  test('sorts keys by UTF-16 units', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}');
  });

  test('leaves out properties that are undefined', () => {
    expect(canonicalJson({ a: 1, b: undefined } as unknown as JsonValue)).toBe('{"a":1}');
  });

  test('refuses exactly the strings that have no UTF-8 form', () => {
    fc.assert(
      fc.property(units, (text) => {
        if (Buffer.from(text, 'utf8').toString('utf8') === text)
          expect(JSON.parse(canonicalJson([text]))).toEqual([text]);
        else expect(() => canonicalJson({ [text]: 1 })).toThrow('lone surrogate');
      }),
    );
  });

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a function', () => 1],
    ['a big integer', 1n],
    ['undefined in a list', [undefined]],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson(value as unknown as JsonValue)).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  test('refuses a value that holds itself, instead of never ending', () => {
    const ring: JsonValue[] = [];
    ring.push(ring);
    expect(() => canonicalJson(ring)).toThrow('nested deeper');
  });

  test('has the UTF-8 bytes of its text', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(Buffer.from(canonicalBytes(value))).toEqual(Buffer.from(canonicalJson(value)));
      }),
    );
  });
});
