import { DomainError, isDomainError, type ToolsContent } from '@skein/domain';
import type { TextPattern, TextPatterns } from '@skein/ports';

/** Why a call may not be made; undefined when it may. */
type Denial = string | undefined;

/** A policy with its `bash` rules compiled. */
export interface CompiledPolicy {
  allows(tool: string): boolean;
  /**
   * Deny rules first: one that matches anywhere refuses. Then some allow rule must match the whole command.
   * A rule that finds no answer in time refuses, on whichever side it stands.
   */
  bash(command: string): Denial;
}

/** Throws `invalid_argument` for a rule that is no regular expression. */
export const compilePolicy = (policy: ToolsContent, patterns: TextPatterns): CompiledPolicy => {
  const deny = policy.bash.deny.map((rule) => compile(rule, rule, patterns));
  const allow = policy.bash.allow.map((rule) => compile(rule, `^(?:${rule})$`, patterns));
  const judge = (command: string): Denial => {
    const denied = deny.findIndex((rule) => rule.test(command));
    if (denied >= 0) return `the bash rule deny ${JSON.stringify(policy.bash.deny[denied])} refuses this command`;
    if (allow.some((rule) => rule.test(command))) return undefined;
    return allow.length === 0
      ? 'this agent has no bash allow rule, so no command may run'
      : 'no bash allow rule matches the whole command';
  };
  return {
    allows: (tool) => policy.allow.includes(tool),
    bash: (command) => {
      try {
        return judge(command);
      } catch (thrown) {
        if (isDomainError(thrown) && thrown.code === 'deadline_exceeded') return thrown.message;
        throw thrown;
      }
    },
  };
};

const compile = (rule: string, source: string, patterns: TextPatterns): TextPattern => {
  try {
    return patterns.compile(source);
  } catch (cause) {
    throw new DomainError(
      'invalid_argument',
      `the bash rule ${JSON.stringify(rule)} is no regular expression`,
      {},
      cause,
    );
  }
};
