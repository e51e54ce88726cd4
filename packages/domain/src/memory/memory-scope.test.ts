import { expect, test } from 'vitest';
import { parseMemoryScope } from './memory-scope.ts';

test('a scope is global, or that of a DAG or an agent', () => {
  expect(parseMemoryScope('global')).toEqual({ kind: 'global' });
  expect(parseMemoryScope('dag/release-notes')).toEqual({ kind: 'dag', name: 'release-notes' });
  expect(parseMemoryScope('agent/triager')).toEqual({ kind: 'agent', name: 'triager' });
});

test.each(['', 'Global', 'dag', 'dag/', 'agent/a/b', 'skill/x', 'agent/../x', '/x', 'global/'])(
  '%j is no scope',
  (scope) => {
    expect(parseMemoryScope(scope)).toBeUndefined();
  },
);
