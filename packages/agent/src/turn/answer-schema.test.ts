import { DomainError, type JsonSchema } from '@skein/domain';
import type { TextPatterns } from '@skein/ports';
import { expect, test } from 'vitest';
import { plainPatterns } from '../tools/plain-patterns.ts';
import { compileAnswerSchema } from './answer-schema.ts';

/** Never finds an answer. */
const slowPatterns: TextPatterns = {
  compile: () => ({
    test: () => {
      throw new DomainError('deadline_exceeded', 'too slow');
    },
  }),
};

const refused = (message: string) =>
  expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(message) });

test.each<[string, JsonSchema, string]>([
  ['checks asynchronously, because a promise would count as yes', { type: 'object', $async: true }, '$async'],
  ['points to another host, which is not asked', { $ref: 'http://127.0.0.1:1/x' }, "can't resolve reference"],
  ['holds a broken pattern', { type: 'object', properties: { a: { pattern: '(' } } }, 'regular expression'],
])('refuses a schema that %s', (_name, schema, message) => {
  expect(() => compileAnswerSchema(schema, plainPatterns)).toThrow(refused(message));
});

test('a schema that only leads back to itself is a typed error when it is used', () => {
  const schema = compileAnswerSchema({ type: 'object', allOf: [{ $ref: '#' }] }, plainPatterns);
  expect(() => schema.judge({})).toThrow(refused('refers to itself without end'));
});

test('a schema may refer to itself where values go on', () => {
  const properties = { name: { type: 'string' }, inner: { $ref: '#' } };
  const tree = compileAnswerSchema({ type: 'object', properties, required: ['name'] }, plainPatterns);
  expect(tree.judge({ name: 'a', inner: { name: 'b' } })).toMatchObject({ ok: true });
  expect(tree.judge({ name: 'a', inner: {} })).toMatchObject({ ok: false });
});

test('each pattern of a schema is its own', () => {
  const properties = { a: { pattern: '^x$' }, b: { pattern: '^y$' } };
  const schema = compileAnswerSchema({ type: 'object', properties }, plainPatterns);
  expect(schema.judge({ a: 'x', b: 'y' })).toMatchObject({ ok: true });
  expect(schema.judge({ a: 'x', b: 'x' })).toMatchObject({ ok: false });
});

test('a pattern that finds no answer in time makes a wrong answer', () => {
  const schema = compileAnswerSchema({ type: 'object', properties: { a: { pattern: '^x$' } } }, slowPatterns);
  expect(schema.judge({ a: 'x' })).toEqual({ ok: false, problems: ['too slow'] });
});
