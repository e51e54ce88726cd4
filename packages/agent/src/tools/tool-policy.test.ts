import { DomainError, type ToolsContent } from '@skein/domain';
import type { TextPatterns } from '@skein/ports';
import { expect, test } from 'vitest';
import { plainPatterns } from './plain-patterns.ts';
import { compilePolicy } from './tool-policy.ts';

const policyOf = (allow: readonly string[], deny: readonly string[] = []): ToolsContent => ({
  allow: ['bash'],
  bash: { allow, deny },
  servers: {},
});

/** Never finds an answer for a rule that holds `slow`. */
const impatient: TextPatterns = {
  compile: (source) => ({
    test: (text) => {
      if (source.includes('slow')) throw new DomainError('deadline_exceeded', 'the pattern takes too long');
      return new RegExp(source, 'u').test(text);
    },
  }),
};

test.each([
  ['an allow rule', policyOf(['slow', 'ls'])],
  ['a deny rule', policyOf(['ls'], ['slow'])],
])('%s that finds no answer in time refuses the command', (_name, policy) => {
  expect(compilePolicy(policy, impatient).bash('ls')).toBe('the pattern takes too long');
});

test.each(['ls\nrm', 'ls; rm', ' ls', 'ls ', 'lsx'])(
  'an allow rule must match the whole command, not only a part of %j',
  (command) => {
    expect(compilePolicy(policyOf(['ls', 'cat']), plainPatterns).bash(command)).toBe(
      'no bash allow rule matches the whole command',
    );
  },
);

test('alternatives of one rule are held together', () => {
  const policy = compilePolicy(policyOf(['ls|cat']), plainPatterns);
  expect(policy.bash('cat')).toBeUndefined();
  expect(policy.bash('ls; rm')).toBeDefined();
  expect(policy.bash('rm; cat')).toBeDefined();
});
