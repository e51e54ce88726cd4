import type { TextPatterns } from '@skein/ports';

/** Patterns on JavaScript's own engine, without a bound: for patterns and texts that are trusted. */
export const plainPatterns: TextPatterns = {
  compile: (source) => {
    const pattern = new RegExp(source, 'u');
    return { test: (text) => pattern.test(text) };
  },
};
