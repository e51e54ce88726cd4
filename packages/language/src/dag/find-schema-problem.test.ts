import { expect, test } from 'vitest';
import { findSchemaProblem } from './find-schema-problem.ts';

test.each([
  ['a tree that contains trees', { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } }],
  ['definitions', { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'integer' } } }],
  ['keywords for editors', { type: 'object', nullable: true, example: 1, properties: { a: { format: 'date' } } }],
])('accepts %s', (_name, schema) => {
  expect(findSchemaProblem(schema)).toBeUndefined();
});

test.each([
  ['a circle without a value in it', { allOf: [{ $ref: '#' }] }, 'refers to itself without end'],
  ['an asynchronous schema', { $async: true }, '$async is not supported'],
  ['a reference to another host, which is not fetched', { $ref: 'http://127.0.0.1:1/x' }, "can't resolve reference"],
  ['a pattern that is none', { pattern: '(' }, 'regular expression'],
  ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'draft-07'],
])('refuses %s', (_name, schema, message) => {
  expect(findSchemaProblem(schema)).toContain(message);
});
