import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ParamDef, ValueType } from '../dag/param.ts';
import type { JsonValue } from '../json/json-value.ts';
import { resolveParams } from './resolve-params.ts';
import { coerceValue, matchesType } from './value-type.ts';

const param = (name: string, type: ValueType, fields: Partial<ParamDef> = {}): ParamDef => ({
  name,
  type,
  required: false,
  ...fields,
});

const problemsOf = (defs: readonly ParamDef[], given: { [name: string]: JsonValue }) => {
  const resolved = resolveParams(defs, given);
  return resolved.ok ? [] : resolved.error;
};

describe('parameters', () => {
  test('are read as their types, with defaults for the rest', () => {
    const defs = [
      param('n', 'integer', { required: true }),
      param('ratio', 'number'),
      param('on', 'boolean'),
      param('list', 'array'),
      param('map', 'object'),
      param('text', 'string'),
      param('free', 'any'),
      param('preset', 'integer', { default: 7 }),
      param('absent', 'string'),
    ];
    const given = { n: '3', ratio: '0.5', on: 'true', list: '[1, "a"]', map: '{"a":1}', text: 5, free: null };
    expect(resolveParams(defs, given)).toEqual({
      ok: true,
      value: { n: 3, ratio: 0.5, on: true, list: [1, 'a'], map: { a: 1 }, text: '5', free: null, preset: 7 },
    });
  });

  test('that are wrong are all reported, each with its field', () => {
    const defs = [
      param('n', 'integer', { required: true }),
      param('size', 'integer', { minimum: 1, maximum: 5 }),
      param('mode', 'string', { enum: ['fast', 'slow'] }),
      param('on', 'boolean'),
    ];
    expect(problemsOf(defs, { size: 9, mode: 'medium', on: 'yes', sizes: 1 })).toEqual([
      { field: 'params.n', message: 'the parameter "n" is required', expected: 'an integer' },
      { field: 'params.size', message: 'the parameter "size" is greater than 5', expected: 'at most 5' },
      {
        field: 'params.mode',
        message: 'the parameter "mode" is none of the allowed values',
        expected: '"fast", "slow"',
      },
      { field: 'params.on', message: 'the parameter "on" is not true or false', expected: 'true or false' },
      {
        field: 'params.sizes',
        message: 'there is no parameter "sizes"',
        expected: 'n, size, mode, on',
        suggestion: 'size',
      },
    ]);
  });

  test.each(['3.5', '', ' ', '0x10', 'Infinity', '1e400', '9007199254740993', 'three', [3], null, true])(
    'refuse %j as an integer',
    (value) => {
      expect(problemsOf([param('n', 'integer')], { n: value as JsonValue })).toHaveLength(1);
    },
  );

  test('named like members of every object are ordinary names', () => {
    expect(problemsOf([], JSON.parse('{"__proto__": 1}') as { [name: string]: JsonValue })).toHaveLength(1);
    expect(problemsOf([param('toString', 'string', { required: true })], {})).toHaveLength(1);
    expect(resolveParams([param('constructor', 'string')], { constructor: 'x' })).toEqual({
      ok: true,
      value: { constructor: 'x' },
    });
  });

  test('are of their type whenever they are accepted, and accepting them again changes nothing', () => {
    const types = fc.constantFrom<ValueType>('string', 'integer', 'number', 'boolean', 'array', 'object', 'any');
    fc.assert(
      fc.property(types, fc.jsonValue() as fc.Arbitrary<JsonValue>, (type, value) => {
        const read = coerceValue(type, value);
        if (read === undefined) return;
        expect(matchesType(type, read)).toBe(true);
        expect(coerceValue(type, read)).toEqual(read);
      }),
    );
  });
});
