import { describe, expect, test } from 'vitest';
import { createExpressions } from './create-expressions.ts';

const expressions = createExpressions();
const scorerVariables = ['outputs', 'status', 'durationMs', 'usage', 'params'];
const valueOf = (text: string, outputs: unknown = {}): unknown =>
  expressions
    .compile(text, scorerVariables)
    .evaluate({ outputs, status: 'succeeded', durationMs: 40, usage: { turns: 2 }, params: {} });

describe('an expression', () => {
  test('gives plain numbers and booleans, whole literals mix with numbers of JSON', () => {
    expect(valueOf('outputs.n + 1', { n: 4 })).toBe(5);
    expect(valueOf('outputs.n / 8', { n: 4 })).toBe(0.5);
    expect(valueOf('1 - outputs.n / 10', { n: 4 })).toBeCloseTo(0.6);
    expect(valueOf('size(outputs.list)', { list: [1, 2, 3] })).toBe(3);
    expect(valueOf('status == "succeeded" && usage.turns <= 2')).toBe(true);
    expect(valueOf('has(outputs.answer) ? 1.0 : 0.0')).toBe(0);
    expect(valueOf('outputs.list.exists(x, x > 2)', { list: [1, 2, 3] })).toBe(true);
  });

  test('that does not parse, or names an unknown variable, is refused before it runs', () => {
    for (const text of ['outputs.', '1 +', 'secret > 1', 'outputs.a == 1 ? 1 : "no"', '', 'a'.repeat(5_000)]) {
      expect(() => expressions.compile(text, scorerVariables), text).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    expect(() => expressions.compile('outputs.a > 1', ['context'])).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  test.each([
    ['context.(plan)', 'expected a name, found "(" (character 9, after "context.")'],
    ['context.plan == ', 'expected a value, found the end (character 17, after "context.plan == ")'],
    [
      'context.plan = "free"',
      'expected an operator or the end, found "="; did you mean "=="? (character 14, after "context.plan ")',
    ],
    ['plan == "free"', 'there is no "plan"; it may use context (character 1)'],
    ['!(context', 'expected ")", found the end (character 10, after "!(context")'],
    [' ', 'it is empty (character 1)'],
    ['size(context.name)', 'it gives int, not bool'],
  ])('%s says where it is wrong, and what was expected', (text, message) => {
    expect(() => expressions.compile(text, ['context'], 'condition')).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message }),
    );
  });

  test('names what stands before the place in a long text, on one line', () => {
    const text = `context.a == 1\n  && ${'context.b == 2 && '.repeat(3)}context.`;
    expect(() => expressions.compile(text, ['context'])).toThrow(
      'expected a name, found the end (character 83, after "… && context.b == 2 && context.")',
    );
  });

  test('that has no value over what it is given says so', () => {
    for (const text of ['outputs.missing.deep', 'outputs.text + 1', 'outputs.constructor', 'outputs.__proto__']) {
      expect(() => valueOf(text, { text: 'x' }), text).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });

  test('reaches nothing of the program that runs it', () => {
    for (const text of ['process', 'globalThis', 'outputs.constructor("return 1")()']) {
      expect(() => valueOf(text), text).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });

  test('cannot take unbounded time', () => {
    const refused = [
      'outputs.text.matches("(a+)+$")',
      'cel.bind(x, [1], x + x) == []',
      'outputs.l.all(a, outputs.l.all(b, outputs.l.all(c, a + b == c)))',
      `${'('.repeat(200)}1${')'.repeat(200)}`,
      Array.from({ length: 400 }, () => '1').join('+'),
    ];
    for (const text of refused) {
      expect(() => expressions.compile(text, scorerVariables), text).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    const long = { l: Array.from({ length: 3_000 }, (_, index) => index) };
    expect(() => valueOf('outputs.l.exists(a, outputs.l.exists(b, a + b < 0))', long)).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
    expect(valueOf('outputs.l.exists(a, a > 2998)', long)).toBe(true);
  });

  test('refuses, over large values, what would take long: many nodes in a loop, and texts that are read again and again', () => {
    const l = Array.from({ length: 150_000 }, (_, index) => index);
    const s = 'a'.repeat(4_000_000);
    const many = Array.from({ length: 110 }, () => 'x').join(' + ');
    const slow: readonly (readonly [string, object])[] = [
      [`outputs.l.exists(x, ${many} < 0)`, { l }],
      [`outputs.l.exists(a, outputs.l.exists(b, ${many.replaceAll('x', 'a')} < 0))`, { l: l.slice(0, 600) }],
      [`size(${many.replaceAll('x', 'outputs.s')}) > 0`, { s }],
      ['outputs.l.exists(x, outputs.s.contains("b"))', { l: l.slice(0, 1_000), s }],
    ];
    for (const [text, outputs] of slow) {
      expect(() => valueOf(text, outputs), text.slice(0, 60)).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    expect(valueOf('outputs.l.exists(x, x < 0)', { l })).toBe(false);
    expect(valueOf('outputs.s.contains("b")', { s })).toBe(false);
    expect(valueOf('outputs.t == "a" && outputs.l.all(x, x >= 0)', { l: l.slice(0, 1_000), s, t: 'a' })).toBe(true);
    expect(valueOf('outputs.l.exists(a, outputs.l.exists(b, a + b < 0))', { l: l.slice(0, 500) })).toBe(false);
  });
});
