import { type JsonValue, utf8Bytes } from '@skein/domain';
import { type SecretForm, secretForms } from './secret-forms.ts';
import { merge, replaceStretches, SecretSearch } from './secret-search.ts';

/** Stands where a secret stood. */
export const redactedMark = '[redacted]';

/** Shorter beginnings of secrets are let pass at the end of a stream. */
const minHalfLength = 8;

/**
 * Takes the secrets of one task out of all that the task says (S3).
 * V1 What was added once is taken out for the rest of the task's life, in every form of `secretForms`.
 * V2 A stream is held back only as far as its end may be the beginning of a secret; `flush` gives the rest.
 * V3 What then still looks like the first half of a secret is taken out too: streams are cut at limits, and programs end in mid-word.
 */
export class Redactor {
  readonly #known = new Set<string>();
  #forms: readonly SecretForm[] = [];
  /** In texts, and in bytes that are written one character each. */
  #inTexts = new SecretSearch([]);
  #inBytes = new SecretSearch([]);

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  /** False for a value that is too short to be looked for. */
  add(value: string): boolean {
    if (this.#known.has(value)) return true;
    const forms = secretForms(value);
    if (forms.length === 0) return false;
    this.#known.add(value);
    this.#forms = [...this.#forms, ...forms];
    this.#inTexts = new SecretSearch(this.#forms);
    const ofBytes = ({ text, mayWrap }: SecretForm) => ({ text: oneCharacterEach(utf8Bytes(text)), mayWrap });
    this.#inBytes = new SecretSearch(this.#forms.map(ofBytes));
    return true;
  }

  /** Rises with each value that is added. */
  get count(): number {
    return this.#known.size;
  }

  /** True when a secret stands in the bytes, in any form. */
  isIn(bytes: Uint8Array): boolean {
    return !this.isEmpty && this.#inBytes.find(oneCharacterEach(bytes)).length > 0;
  }

  text(text: string): string {
    return replaceStretches(text, this.#inTexts.find(text), redactedMark);
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
    let held = nothing;
    /** How much of what is held belongs to a secret whose mark was written. */
    let covered = 0;
    const pass = (bytes: Uint8Array, text: string, end: number): void => {
      held = bytes.slice(end);
      if (end === 0) return;
      const known = { from: 0, to: covered };
      const stretches = merge([...(covered > 0 ? [known] : []), ...this.#inBytes.find(text)]);
      const clean: Uint8Array[] = [];
      let from = 0;
      for (const stretch of stretches) {
        if (stretch.from >= end) break;
        clean.push(bytes.subarray(from, stretch.from), covered > 0 && stretch.from === 0 ? nothing : markBytes);
        from = stretch.to;
      }
      covered = Math.max(0, from - end);
      clean.push(bytes.subarray(from, Math.max(from, end)));
      const said = joined(clean);
      if (said.length > 0) write(said);
    };
    return {
      push: (bytes) => {
        if (this.isEmpty) {
          write(bytes);
          return;
        }
        const all = joined([held, bytes]);
        const text = oneCharacterEach(all);
        pass(all, text, this.#inBytes.openEnd(text));
      },
      flush: () => {
        const text = oneCharacterEach(held);
        const half = covered + this.#inBytes.openEnd(text.slice(covered));
        pass(held, text, text.length - half < minHalfLength ? text.length : half);
        if (held.length > 0) write(markBytes); // V3
        held = nothing;
        covered = 0;
      },
    };
  }
}

const nothing = new Uint8Array();
const markBytes = utf8Bytes(redactedMark);

/** The bytes one after the other; copied only where there is more than one piece. */
const joined = (pieces: readonly Uint8Array[]): Uint8Array => {
  const filled = pieces.filter(({ length }) => length > 0);
  if (filled.length < 2) return filled[0] ?? nothing;
  const whole = new Uint8Array(filled.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of filled) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
};

const sliceLength = 8_192;

/** Bytes as a text with one character per byte, so that they can be searched with what searches texts. */
const oneCharacterEach = (bytes: Uint8Array): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += sliceLength) {
    text += String.fromCharCode.apply(undefined, bytes.subarray(at, at + sliceLength) as unknown as number[]);
  }
  return text;
};
