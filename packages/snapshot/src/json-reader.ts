import type { JsonValue } from '@skein/domain';
import { DeferredText, deferProperty } from './deferred-text.ts';
import { utf8SequenceBytes } from './utf8-sequence.ts';

/** What is still allowed; `nodes` is used up as documents are read, so that one budget can span many. */
export interface JsonBudget {
  readonly maxDepth: number;
  nodes: number;
}

/** Thrown out of a reader by bytes that are not JSON as we take it; never leaves this package. */
export class JsonDefect extends Error {}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads JSON strictly and straight from its bytes, so that nothing hostile is ever parsed and no second copy of the text is made: depth,
 * number of values, duplicate keys, keys that reach a prototype, lone surrogates, UTF-8.
 *
 * J1 A value is counted before it is made, and nesting is refused before it is entered: recursion is at most `maxDepth` deep.
 * J2 What it takes beyond `bytes` is what it answers; text over `deferOver` bytes in a field stays in `bytes`.
 */
export class JsonReader {
  readonly #bytes: Uint8Array;
  readonly #budget: JsonBudget;
  readonly #deferOver: number;
  #at = 0;

  constructor(bytes: Uint8Array, budget: JsonBudget, deferOver: number) {
    this.#bytes = bytes;
    this.#budget = budget;
    this.#deferOver = deferOver;
  }

  /** How far it came, in bytes. */
  get at(): number {
    return this.#at;
  }

  /** The whole document. Throws `JsonDefect`. */
  read(): JsonValue {
    const value = this.#value(0);
    if (this.#next() !== undefined) throw new JsonDefect('text follows the JSON value');
    return value instanceof DeferredText ? value.read() : value;
  }

  #value(depth: number): JsonValue;
  #value(depth: number, deferring: true): JsonValue | DeferredText;
  #value(depth: number, deferring = false): JsonValue | DeferredText {
    if (--this.#budget.nodes < 0) throw new JsonDefect('too many JSON values');
    const byte = this.#next();
    if (byte === openObject || byte === openList) {
      if (depth >= this.#budget.maxDepth) throw new JsonDefect(`JSON is nested deeper than ${this.#budget.maxDepth}`);
      this.#at++;
      return byte === openObject ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    return byte === quote ? this.#string(deferring) : this.#scalar();
  }

  #object(depth: number): JsonValue {
    const object: { [key: string]: JsonValue } = {};
    if (this.#next() === closeObject) return this.#closed(object);
    for (;;) {
      if (this.#next() !== quote) throw new JsonDefect('JSON syntax error');
      const key = this.#string(false) as string;
      if (forbiddenKeys.has(key)) throw new JsonDefect(`the key "${key}" is not allowed`);
      if (Object.hasOwn(object, key)) throw new JsonDefect('a key appears twice in one object');
      if (this.#next() !== colon) throw new JsonDefect('JSON syntax error');
      this.#at++;
      const value = this.#value(depth, true);
      if (value instanceof DeferredText) deferProperty(object, key, value);
      else object[key] = value;
      if (this.#ends(closeObject)) return object;
    }
  }

  #list(depth: number): JsonValue {
    const list: JsonValue[] = [];
    if (this.#next() === closeList) return this.#closed(list);
    for (;;) {
      list.push(this.#value(depth));
      if (this.#ends(closeList)) return list;
    }
  }

  #closed<T>(value: T): T {
    this.#at++;
    return value;
  }

  /** True past the closing byte, false past a comma. */
  #ends(close: number): boolean {
    const byte = this.#next();
    if (byte !== comma && byte !== close) throw new JsonDefect('JSON syntax error');
    this.#at++;
    return byte === close;
  }

  #string(deferring: boolean): string | DeferredText {
    const start = this.#at + 1;
    const escaped = this.#skipString();
    const inside = this.#bytes.subarray(start, this.#at - 1);
    const text = new DeferredText(inside, escaped);
    return deferring && inside.length > this.#deferOver ? text : text.read();
  }

  /** Goes past the closing quote; true if there was an escape. */
  #skipString(): boolean {
    const bytes = this.#bytes;
    let escaped = false;
    let at = this.#at + 1;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[at]) {
      if (byte === backslash) {
        escaped = true;
        at = this.#skipEscape(at);
      } else if (byte === undefined || byte < 0x20) {
        this.#at = at;
        throw new JsonDefect('JSON syntax error in a string');
      } else if (byte < 0x80) at++;
      else {
        const length = utf8SequenceBytes(bytes, at);
        this.#at = at;
        if (length === 0) throw new JsonDefect('the bytes are not UTF-8');
        at += length;
      }
    }
    this.#at = at + 1;
    return escaped;
  }

  /** Where the escape that begins here ends; a pair of surrogates counts as one. */
  #skipEscape(at: number): number {
    this.#at = at;
    const letter = this.#bytes[at + 1] ?? 0;
    if (letter !== letterU) {
      if (!plainEscapes.has(letter)) throw new JsonDefect('JSON syntax error in a string');
      return at + 2;
    }
    const unit = this.#escapedUnit(at);
    if (unit < 0xd800 || unit > 0xdfff) return at + 6;
    const isPair = unit < 0xdc00 && this.#bytes[at + 6] === backslash && this.#bytes[at + 7] === letterU;
    const low = isPair ? this.#escapedUnit(at + 6) : 0;
    if (low < 0xdc00 || low > 0xdfff) throw new JsonDefect('a string holds a lone surrogate');
    return at + 12;
  }

  #escapedUnit(at: number): number {
    let unit = 0;
    for (let index = at + 2; index < at + 6; index++) {
      const digit = hexDigit(this.#bytes[index] ?? 0);
      if (digit === undefined) throw new JsonDefect('JSON syntax error in a string');
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #scalar(): JsonValue {
    const start = this.#at;
    while (isScalarByte(this.#bytes[this.#at])) this.#at++;
    const text = new TextDecoder().decode(this.#bytes.subarray(start, this.#at));
    if (text === 'true') return true;
    if (text === 'false') return false;
    if (text === 'null') return null;
    this.#at = start;
    if (!numberPattern.test(text)) throw new JsonDefect('JSON syntax error');
    const value = Number(text);
    if (!Number.isFinite(value)) throw new JsonDefect('a number is too large');
    this.#at = start + text.length;
    return value;
  }

  /** The next byte that is not space; it stays unread. */
  #next(): number | undefined {
    let byte = this.#bytes[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.#at];
    return byte;
  }
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const letterU = 0x75;
const openObject = 0x7b;
const closeObject = 0x7d;
const plainEscapes = new Set(Array.from('"\\/bfnrt', (char) => char.charCodeAt(0)));

const numberPattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** Bytes of numbers and of true, false and null. */
const isScalarByte = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x45);

const hexDigit = (byte: number): number | undefined => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
};
