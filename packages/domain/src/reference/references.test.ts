import { stepOf } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../json/json-value.ts';
import { parseReferences } from './parse-references.ts';
import { referencesOfStep } from './references-of-step.ts';
import { renderTemplate } from './render-template.ts';
import { renderValue, wholeReference } from './render-value.ts';

const targetOf = (text: string) => parseReferences(text).map((reference) => reference.target);

describe('a reference', () => {
  test.each([
    ['${params.x}', { kind: 'param', name: 'x' }],
    ['${env.HOME}', { kind: 'env', name: 'HOME' }],
    ['${steps.a.outputs.b}', { kind: 'step_output', stepId: 'a', name: 'b', path: [] }],
    ['${steps.a.b.outputs.c.0.d}', { kind: 'step_output', stepId: 'a.b', name: 'c', path: ['0', 'd'] }],
    ['${steps.a-1.stdout}', { kind: 'step_stdout', stepId: 'a-1' }],
    ['${steps.a.exit_code}', { kind: 'step_exit_code', stepId: 'a' }],
    ['${steps.a.outputs.stdout}', { kind: 'step_output', stepId: 'a', name: 'stdout', path: [] }],
    ['${run.id}', { kind: 'run', field: 'id' }],
    ['${run.status}', { kind: 'run', field: 'status' }],
    ['${run.error}', { kind: 'run', field: 'error' }],
    ['${item}', { kind: 'item', path: [] }],
    ['${item.a.b}', { kind: 'item', path: ['a', 'b'] }],
  ])('%s is read', (text, target) => {
    expect(targetOf(text)).toEqual([target]);
  });

  test.each([
    '${NAME}',
    '${NAME:-x}',
    '$NAME',
    '$(params.x)',
    '${item:-x}',
    '${items}',
    '${params}',
    '{params.x}',
    '${#item}',
    '${secrets.KEY}',
  ])('%s is left to the shell', (text) => {
    expect(parseReferences(text)).toEqual([]);
  });

  test.each([
    '${params.}',
    '${params.x:-y}',
    '${params.x',
    '${steps.a}',
    '${steps.a.output.b}',
    '${run.nope}',
    '${env.1}',
    '${item.}',
    '${steps.a.outputs.b..c}',
  ])('%s is refused with a reason', (text) => {
    expect(targetOf(text)).toEqual([{ kind: 'invalid', reason: expect.any(String) as string }]);
  });

  test('does not swallow the next line when its brace is missing', () => {
    expect(parseReferences('${params.x\n${params.y}').map(({ expression }) => expression)).toEqual([
      'params.x',
      'params.y',
    ]);
  });

  test('knows its place, its expression and that a file is wanted', () => {
    const text = 'cat ${params.x@file} ${item@file}';
    expect(parseReferences(text)).toEqual([
      { expression: 'params.x', start: 4, end: 20, target: { kind: 'param', name: 'x' }, asFile: true },
      { expression: 'item', start: 21, end: 33, target: { kind: 'item', path: [] }, asFile: true },
    ]);
  });

  test('is hidden by a dollar sign before it', () => {
    expect(parseReferences('$${params.x} $$${params.y}')).toEqual([]);
    expect(targetOf('\\$${params.x}')).toEqual([{ kind: 'param', name: 'x' }]);
  });

  test('is found in any text, without a throw, at rising places', () => {
    const pieces = fc.constantFrom('$', '{', '}', '${', 'params.x', 'steps.', 'item', '.', 'a', '\n', '@file', ' ');
    fc.assert(
      fc.property(
        fc.array(pieces).map((parts) => parts.join('')),
        (text) => {
          let last = 0;
          for (const { start, end } of parseReferences(text)) {
            expect(start).toBeGreaterThanOrEqual(last);
            expect(end).toBeGreaterThan(start);
            expect(text.slice(start, start + 2)).toBe('${');
            last = end;
          }
        },
      ),
    );
  });
});

describe('a template', () => {
  test('takes strings as they are and other values as canonical JSON', () => {
    const values = { 'params.a': 'x "y"', 'params.b': { d: [1, null], c: true } };
    const lookup = (expression: string) => values[expression as keyof typeof values];
    expect(renderTemplate('${params.a} ${params.b} ${HOME}', lookup)).toBe('x "y" {"c":true,"d":[1,null]} ${HOME}');
  });

  test('turns the escape into what it stands for', () => {
    expect(renderTemplate('$${params.a} $${HOME} $$ $', () => 'never')).toBe('${params.a} ${HOME} $$ $');
  });

  test('never reads a value again', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('${params.b}', '$${params.b}', '$'), (before, tail) => {
        const value = before + tail;
        expect(renderTemplate('<${params.a}><${params.a}>', () => value)).toBe(`<${value}><${value}>`);
      }),
    );
  });

  test('without a dollar sign is itself', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replaceAll('$', '');
        expect(renderTemplate(plain, () => 'never')).toBe(plain);
      }),
    );
  });
});

describe('a value', () => {
  const values: { readonly [expression: string]: JsonValue } = { 'params.n': 4, 'params.l': ['${params.n}', null] };
  const lookup = (expression: string): JsonValue => values[expression] ?? 'none';

  test('keeps the type of what a whole text refers to, and is text otherwise', () => {
    const written = {
      '${params.n}': '${params.n}',
      text: 'n=${params.n} ${params.l}',
      twice: '${params.n}${params.n}',
      escaped: '$${params.n}',
      file: '${params.n@file}',
      deep: [{ list: '${params.l}' }, 1, true, null, 'plain'],
    };
    expect(renderValue(written, lookup)).toEqual({
      '${params.n}': 4,
      text: 'n=4 ["${params.n}",null]',
      twice: '44',
      escaped: '${params.n}',
      file: '4',
      deep: [{ list: ['${params.n}', null] }, 1, true, null, 'plain'],
    });
  });

  test('keeps members that are named like those of every object', () => {
    const written = JSON.parse('{"__proto__":"${params.n}"}') as JsonValue;
    expect(JSON.stringify(renderValue(written, lookup))).toBe('{"__proto__":4}');
  });

  test.each([
    ['${params.n}', 'params.n'],
    ['${item.a@file}', 'item.a'],
    [' ${params.n}', undefined],
    ['${params.n} ', undefined],
    ['${params.n}${item}', undefined],
    ['', undefined],
    ['${NAME}', undefined],
  ])('%j is one reference from end to end: %s', (text, expression) => {
    expect(wholeReference(text)?.expression).toBe(expression);
  });
});

test('all texts of a step are searched', () => {
  const step = stepOf('a', {
    action: { kind: 'shell', commands: ['echo ${params.a}', 'echo ${params.b}'] },
    workingDir: '/tmp/${params.c}',
    env: [{ name: 'X', value: '${params.d}' }],
    preconditions: [
      { condition: 'test ${params.e}', negate: false },
      { condition: '${params.f}', expected: '${params.g}', negate: false },
    ],
    foreach: { items: '${params.h}', maxConcurrent: 1 },
  });
  expect(referencesOfStep(step).map(({ expression }) => expression.at(-1))).toEqual('abcdefgh'.split(''));
  const exec = stepOf('a', { action: { kind: 'exec', argv: ['echo', '${params.a}', '${item}'] } });
  expect(referencesOfStep(exec).map(({ expression }) => expression)).toEqual(['params.a', 'item']);
  const call = stepOf('a', {
    action: { kind: 'call', dag: '${params.a}', params: { x: '${params.b}', '${no}': [1, { y: '${params.c}' }] } },
  });
  expect(referencesOfStep(call).map(({ expression }) => expression)).toEqual(['params.a', 'params.b', 'params.c']);
});
