import { expect, test } from 'vitest';
import { itemPath, parseStepPath } from './ids.ts';

test.each([
  ['triage', { stepId: 'triage' }],
  ['triage[0]', { stepId: 'triage', index: 0 }],
  [itemPath('a.b-c', 12), { stepId: 'a.b-c', index: 12 }],
  ['@exit', { stepId: '@exit' }],
])('the path %s names one thing', (path, parsed) => {
  expect(parseStepPath(path)).toEqual(parsed);
});

test.each(['', '@', '@exit[0]', '@Exit', '@@exit', 'a@exit', '@exit/..', '@ex it', 'a[01]', 'a[]', 'a b', '../a'])(
  '%j is no path',
  (path) => {
    expect(parseStepPath(path)).toBeUndefined();
  },
);
