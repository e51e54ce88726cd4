import { DomainError } from '@skein/domain';

/** Deepest nesting of arrays and objects that a body may have. */
export const maxJsonDepth = 64;

/** Keys that would reach a prototype if a careless merge ever copied them. */
const pollutingKeys = new Set(['__proto__', 'constructor', 'prototype']);

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** JSON text to a value. Depth and keys are judged by a scan before the parser sees the text. Throws `invalid_argument`. */
export const parseJson = (text: string): unknown => {
  scan(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DomainError('invalid_argument', `the body is not valid JSON: ${explain(error)}`);
  }
};

const scan = (text: string): void => {
  let depth = 0;
  // Keys of each object that is open; a list has a set too, which stays empty.
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: // [
        depth += 1;
        open.push(new Set());
        if (depth > maxJsonDepth) {
          throw new DomainError('invalid_argument', `the body is nested deeper than ${maxJsonDepth} levels`);
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1;
        open.pop();
        break;
      case quote: {
        const end = endOfString(text, at);
        if (isKey(text, end)) refuseKey(text.slice(at, end + 1), open.at(-1));
        at = end;
        break;
      }
    }
  }
};

/** Index of the closing quote of the string that opens at `open`; the text's end if there is none. */
const endOfString = (text: string, open: number): number => {
  for (let close = text.indexOf('"', open + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let escapes = 0;
    while (text.charCodeAt(close - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return close;
  }
  return text.length;
};

const isKey = (text: string, end: number): boolean => {
  let at = end + 1;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === colon;
};

/** Parsers differ in which of two equal keys they take, so that a check and what it guards could see different values. */
const refuseKey = (literal: string, siblings: Set<string> | undefined): void => {
  let key: unknown;
  try {
    key = literal.includes('\\') ? JSON.parse(literal) : literal.slice(1, -1);
  } catch {
    return; // JSON.parse of the whole text will say what is wrong.
  }
  if (typeof key !== 'string') return;
  if (pollutingKeys.has(key)) throw new DomainError('invalid_argument', `the key "${key}" is not allowed in a body`);
  if (siblings?.has(key) === true) {
    throw new DomainError('invalid_argument', `the key "${key.slice(0, 100)}" is twice in one object of the body`);
  }
  siblings?.add(key);
};

const explain = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/, ".*" is not valid JSON$/s, '').slice(0, 200) : 'unreadable';
