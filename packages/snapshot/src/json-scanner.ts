import { hasLoneSurrogate } from '@skein/domain';

/** What is still allowed; `nodes` is used up as documents are scanned, so that one budget can span many. */
export interface JsonBudget {
  readonly maxDepth: number;
  nodes: number;
}

/** What a scan found wrong, and at which character. */
export interface JsonDefect {
  readonly message: string;
  readonly at: number;
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads JSON text strictly without making values, so that nothing hostile is ever parsed: depth, number of values,
 * duplicate keys, keys that reach a prototype, and lone surrogates. Undefined when the text may be parsed. Uses no recursion.
 */
export const scanJson = (text: string, budget: JsonBudget): JsonDefect | undefined => {
  const scanner = new JsonScanner(text, budget);
  return scanner.scan();
};

/** Keys seen in an open object; undefined for an open array. */
type Open = Set<string> | undefined;

class JsonScanner {
  readonly #text: string;
  readonly #budget: JsonBudget;
  readonly #open: Open[] = [];
  #at = 0;

  constructor(text: string, budget: JsonBudget) {
    this.#text = text;
    this.#budget = budget;
  }

  scan(): JsonDefect | undefined {
    try {
      this.#document();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof Defect) return { message: thrown.message, at: this.#at };
      throw thrown;
    }
  }

  #document(): void {
    let expectsValue = true;
    while (expectsValue || this.#open.length > 0) {
      this.#space();
      if (expectsValue) expectsValue = this.#value();
      else expectsValue = this.#afterValue();
    }
    this.#space();
    if (this.#at < this.#text.length) throw new Defect('text follows the JSON value');
  }

  /** True when a nested value comes next. */
  #value(): boolean {
    if (--this.#budget.nodes < 0) throw new Defect('too many JSON values');
    const char = this.#text[this.#at];
    if (char === '{' || char === '[') return this.#container(char);
    if (char === '"') this.#string();
    else this.#scalar();
    return false;
  }

  #container(char: '{' | '['): boolean {
    if (this.#open.length >= this.#budget.maxDepth)
      throw new Defect(`JSON is nested deeper than ${this.#budget.maxDepth}`);
    this.#at++;
    this.#open.push(char === '{' ? new Set() : undefined);
    this.#space();
    if (this.#text[this.#at] === (char === '{' ? '}' : ']')) {
      this.#at++;
      this.#open.pop();
      return false;
    }
    if (char === '{') this.#key();
    return true;
  }

  #afterValue(): boolean {
    const keys = this.#open.at(-1);
    const char = this.#text[this.#at];
    if (char === ',') {
      this.#at++;
      if (keys !== undefined) {
        this.#space();
        this.#key();
      }
      return true;
    }
    if (char !== (keys === undefined ? ']' : '}')) throw new Defect('JSON syntax error');
    this.#at++;
    this.#open.pop();
    return false;
  }

  #key(): void {
    const key = this.#string();
    const keys = this.#open.at(-1) as Set<string>;
    if (forbiddenKeys.has(key)) throw new Defect(`the key "${key}" is not allowed`);
    if (keys.has(key)) throw new Defect('a key appears twice in one object');
    keys.add(key);
    this.#space();
    if (this.#text[this.#at] !== ':') throw new Defect('JSON syntax error');
    this.#at++;
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') throw new Defect('JSON syntax error');
    let end = this.#at + 1;
    let escaped = false;
    for (let unit = this.#text.charCodeAt(end); unit !== 0x22; unit = this.#text.charCodeAt(end)) {
      if (!(unit >= 0x20)) throw new Defect('JSON syntax error in a string');
      if (unit === 0x5c) escaped = true;
      end += unit === 0x5c ? 2 : 1;
    }
    const raw = this.#text.slice(this.#at, end + 1);
    const value = escaped ? unescape(raw) : raw.slice(1, -1);
    if (hasLoneSurrogate(value)) throw new Defect('a string holds a lone surrogate');
    this.#at = end + 1;
    return value;
  }

  #scalar(): void {
    scalar.lastIndex = this.#at;
    const match = scalar.exec(this.#text)?.[0];
    if (match === undefined) throw new Defect('JSON syntax error');
    if (!Number.isFinite(Number(match)) && /[0-9]$/.test(match)) throw new Defect('a number is too large');
    this.#at += match.length;
  }

  #space(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

const scalar = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;

const unescape = (raw: string): string => {
  try {
    return JSON.parse(raw) as string;
  } catch {
    throw new Defect('JSON syntax error in a string');
  }
};

class Defect extends Error {}
