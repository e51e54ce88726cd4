import { createContext, Script } from 'node:vm';
import { DomainError } from '@skein/domain';
import type { TextPatterns } from '@skein/ports';

/** How long one answer may be looked for, ms. A pattern that behaves needs microseconds; the rest is for a busy machine. */
const defaultLimitMs = 1_000;

/** Patterns on the engine of the machine, each test ended after `limitMs`: the engine checks for interruption while it backtracks. */
export const createBoundedPatterns = (limitMs = defaultLimitMs): TextPatterns => {
  const bench: { pattern?: RegExp; text?: string } = createContext(Object.create(null));
  const search = new Script('pattern.test(text)');
  return {
    compile: (source) => {
      const pattern = compile(source);
      return {
        test: (text) => {
          Object.assign(bench, { pattern, text });
          try {
            return search.runInContext(bench, { timeout: limitMs }) === true;
          } catch (cause) {
            const message = `the pattern ${shown(source)} takes too long for this text`;
            throw new DomainError('deadline_exceeded', message, { limitMs }, cause);
          } finally {
            Object.assign(bench, { pattern: undefined, text: undefined });
          }
        },
      };
    },
  };
};

const compile = (source: string): RegExp => {
  try {
    return new RegExp(source, 'u');
  } catch (cause) {
    throw new DomainError('invalid_argument', `${shown(source)} is no regular expression`, {}, cause);
  }
};

const shown = (source: string): string => JSON.stringify(source.length > 100 ? `${source.slice(0, 100)}…` : source);
