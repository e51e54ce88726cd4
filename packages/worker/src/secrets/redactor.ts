import { type JsonValue, utf8Bytes } from '@skein/domain';
import { secretForms } from './secret-forms.ts';

/** Stands where a secret stood. */
export const redactedMark = '[redacted]';

/** One form, ready to be searched for. */
interface Search {
  readonly text: string;
  readonly mayWrap: boolean;
  /** Longest stretch that one occurrence takes. */
  readonly span: number;
  readonly pattern: RegExp;
}

const searchFor = (text: string, mayWrap: boolean): Search => {
  const characters = Array.from(text, (character) => character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return {
    text,
    mayWrap,
    span: mayWrap ? text.length * 3 : text.length,
    pattern: new RegExp(characters.join(mayWrap ? '(?:\\r?\\n)?' : ''), 'g'),
  };
};

/**
 * Takes the secrets of one task out of all that the task says (S3).
 * V1 What was added once is taken out for the rest of the task's life, in every form of `secretForms`.
 * V2 A stream is held back only as far as its end may be the beginning of a secret; `flush` gives the rest.
 */
export class Redactor {
  readonly #known = new Set<string>();
  /** For texts, and for bytes that are written one character each. */
  #texts: Search[] = [];
  #bytes: Search[] = [];

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  /** False for a value that is too short to be looked for. */
  add(value: string): boolean {
    if (this.#known.has(value)) return true;
    const forms = secretForms(value);
    if (forms.length === 0) return false;
    this.#known.add(value);
    const byLength = (a: Search, b: Search): number => b.text.length - a.text.length;
    this.#texts = [...this.#texts, ...forms.map(({ text, mayWrap }) => searchFor(text, mayWrap))].toSorted(byLength);
    this.#bytes = [
      ...this.#bytes,
      ...forms.map(({ text, mayWrap }) => searchFor(oneCharacterEach(utf8Bytes(text)), mayWrap)),
    ].toSorted(byLength);
    return true;
  }

  text(text: string): string {
    return replaceAll(this.#texts, text);
  }

  /** Strings and keys; a number that reads like a secret becomes the mark. */
  value(value: JsonValue): JsonValue {
    if (this.isEmpty) return value;
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') {
      const text = String(value);
      const clean = this.text(text);
      return clean === text ? value : clean;
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.text(key), this.value(item)]));
  }

  /** A filter for one stream of bytes. */
  stream(write: (bytes: Uint8Array) => void): { push(bytes: Uint8Array): void; flush(): void } {
    let held = '';
    return {
      push: (bytes) => {
        if (this.isEmpty && held === '') {
          write(bytes);
          return;
        }
        const clean = replaceAll(this.#bytes, held + oneCharacterEach(bytes));
        const end = openEnd(this.#bytes, clean);
        held = clean.slice(end);
        if (end > 0) write(bytesOf(clean.slice(0, end)));
      },
      flush: () => {
        if (held !== '') write(bytesOf(replaceAll(this.#bytes, held)));
        held = '';
      },
    };
  }
}

const replaceAll = (searches: readonly Search[], text: string): string =>
  searches.reduce((clean, { pattern }) => clean.replace(pattern, redactedMark), text);

/** Where the longest end of the text begins that more bytes could make a secret; the text's length when there is none. */
const openEnd = (searches: readonly Search[], text: string): number => {
  let earliest = text.length;
  for (const { text: form, mayWrap, span } of searches) {
    for (let from = Math.max(0, text.length - span + 1); from < earliest; from += 1) {
      const tail = mayWrap ? text.slice(from).replace(/\r?\n|\r$/g, '') : text.slice(from);
      if (tail !== '' && tail.length < form.length && form.startsWith(tail)) earliest = from;
    }
  }
  return earliest;
};

const sliceLength = 8_192;

/** Bytes as a text with one character per byte, so that they can be searched with what searches texts. */
const oneCharacterEach = (bytes: Uint8Array): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += sliceLength) {
    text += String.fromCharCode(...bytes.subarray(at, at + sliceLength));
  }
  return text;
};

const bytesOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
};
