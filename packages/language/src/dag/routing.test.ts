import { dagDigest } from '@skein/domain';
import { createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { parseDag } from './parse-dag.ts';

const hasher = createNodeHasher();
const steps = 'steps:\n  - id: a\n    command: echo hello\n';
const parse = (text: string) => {
  const parsed = parseDag(text, 'dags/sample.yaml');
  if (!parsed.ok) throw new Error(renderProblems(parsed.error));
  return parsed.value.dag;
};

test('routing keys are read in order', () => {
  expect(parse(`routing: { keys: [customerId, threadId] }\n${steps}`).routing).toEqual({
    keys: ['customerId', 'threadId'],
  });
});

test('a DAG without routing keeps the digest that it had before there was routing', () => {
  const dag = parse(steps);
  expect('routing' in dag).toBe(false);
  expect(dagDigest(dag, hasher)).toBe('sha256:817dc1a6d6e91834f6ddb5870ec55c655018adb3967cbd6332d4126c3f2d276c');
  expect(dagDigest(parse(`routing: { keys: [customerId] }\n${steps}`), hasher)).not.toBe(dagDigest(dag, hasher));
});

test.each([
  ['routing: { keys: [] }', 'empty'],
  ['routing: { keys: [a, a] }', 'twice'],
  ['routing: { keys: ["a b"] }', 'not a field'],
  ['routing: {}', 'keys'],
  ['routing: { key: [a] }', 'key'],
])('%s is refused', (line, message) => {
  const parsed = parseDag(`${line}\n${steps}`, 'dags/sample.yaml');
  expect(parsed.ok ? '' : renderProblems(parsed.error)).toContain(message);
});
