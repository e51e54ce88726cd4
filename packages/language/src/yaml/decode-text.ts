import { err, ok, type Problem, type Result } from '@skein/domain';

/** Largest text file of a project, in bytes. */
export const maxTextBytes = 1024 * 1024;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes of a text file to text: UTF-8, at most 1 MiB; a byte order mark is dropped. */
export const decodeText = (file: string, bytes: Uint8Array): Result<string, Problem> => {
  if (bytes.length > maxTextBytes) return err(tooLarge(file));
  try {
    return ok(decoder.decode(bytes));
  } catch {
    const line = 1 + countNewLines(bytes, firstBadByte(bytes));
    return err({ message: 'not UTF-8 text', expected: 'UTF-8', file, line, column: 1 });
  }
};

/** The problem of a text over the limit. */
export const tooLarge = (file: string): Problem => ({
  message: 'the file is too large',
  expected: 'at most 1 MiB',
  file,
  line: 1,
  column: 1,
  code: 'too_large',
});

/** By bisection: decoding a prefix as a stream fails exactly when it holds a bad byte. */
const firstBadByte = (bytes: Uint8Array): number => {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isGoodPrefix(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
};

const isGoodPrefix = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
};

const countNewLines = (bytes: Uint8Array, end: number): number => {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1 && at < end; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
};
