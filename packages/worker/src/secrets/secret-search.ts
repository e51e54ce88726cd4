// Where secrets stand in a text. The time grows with the text, hardly with the length of the secrets: an expression that allows a line
// break between any two characters costs seconds for a key file, and its engine gives up on longer ones with an error that quotes them.
import type { SecretForm } from './secret-forms.ts';

/** From the first character to the one behind the last. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

interface Needle extends SecretForm {
  /** Of each beginning of the form, how long the longest shorter beginning is that it also ends in (Knuth, Morris, Pratt). */
  readonly borders: Int32Array;
}

/** Enough of a beginning that it is rarely met by chance. */
const firstLength = 8;

/** The forms of some secrets, ready to be searched for. */
export class SecretSearch {
  readonly #plain: readonly Needle[];
  readonly #wrapping: readonly Needle[];
  /** Longest stretch, with line breaks, that the beginning of a form is looked for in. */
  readonly #wrappingSpan: number;

  constructor(forms: readonly SecretForm[]) {
    const needles = forms.map((form) => ({ ...form, borders: bordersOf(form.text) }));
    this.#plain = needles.filter(({ mayWrap }) => !mayWrap);
    this.#wrapping = needles.filter(({ mayWrap }) => mayWrap);
    this.#wrappingSpan = Math.max(0, ...this.#wrapping.map(({ text }) => 3 * text.length + 64));
  }

  /** All that belongs to an occurrence of a form, in order; what overlaps is one stretch. */
  find(text: string): readonly Stretch[] {
    const found: Stretch[] = [];
    for (const { text: form } of this.#plain) found.push(...occurrences(text, form));
    const { flat, at } = unwrap(text);
    for (const { text: form } of this.#wrapping)
      for (const { from, to } of occurrences(flat, form)) found.push({ from: at(from), to: at(to - 1) + 1 });
    return merge(found);
  }

  /** Where the longest end of the text begins that more text could make a secret; the text's length when there is none. */
  openEnd(text: string): number {
    let earliest = text.length;
    for (const needle of this.#plain) earliest = Math.min(earliest, text.length - openLength(needle, text));
    // Line breaks without end are no encoding.
    const skipped = Math.max(0, text.length - this.#wrappingSpan);
    const { flat, at } = unwrap(text.slice(skipped).replace(/\r$/, ''));
    for (const needle of this.#wrapping) {
      const length = openLength(needle, flat);
      if (length > 0) earliest = Math.min(earliest, skipped + at(flat.length - length));
    }
    return earliest;
  }
}

/** The text with something else in the place of these stretches. */
export const replaceStretches = (text: string, stretches: readonly Stretch[], mark: string): string => {
  if (stretches.length === 0) return text;
  let replaced = '';
  let end = 0;
  for (const { from, to } of stretches) {
    replaced += text.slice(end, from) + mark;
    end = to;
  }
  return replaced + text.slice(end);
};

/** In order; what overlaps becomes one. */
export const merge = (stretches: readonly Stretch[]): readonly Stretch[] => {
  const merged: Stretch[] = [];
  for (const next of stretches.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || next.from >= last.to) merged.push(next);
    else if (next.to > last.to) merged[merged.length - 1] = { from: last.from, to: next.to };
  }
  return merged;
};

const occurrences = (text: string, form: string): readonly Stretch[] => {
  const found: Stretch[] = [];
  for (let from = text.indexOf(form); from >= 0; from = text.indexOf(form, from + form.length))
    found.push({ from, to: from + form.length });
  return found;
};

/** A text without its line breaks and the indentation behind them, and where its characters stood. */
const unwrap = (text: string): { readonly flat: string; readonly at: (index: number) => number } => {
  if (!text.includes('\n')) return { flat: text, at: (index) => index };
  /** Of each piece between line breaks: where it begins in the flat text, and by how much that is less than in the text. */
  const starts = [0];
  const shifts = [0];
  let flat = '';
  let from = 0;
  for (let lineBreak = text.indexOf('\n'); lineBreak >= 0; lineBreak = text.indexOf('\n', from)) {
    flat += text.slice(from, text[lineBreak - 1] === '\r' && lineBreak > from ? lineBreak - 1 : lineBreak);
    from = lineBreak + 1;
    while (text[from] === ' ' || text[from] === '\t') from += 1;
    starts.push(flat.length);
    shifts.push(from - flat.length);
  }
  flat += text.slice(from);
  const at = (index: number): number => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= index) low = middle;
      else high = middle - 1;
    }
    return index + (shifts[low] as number);
  };
  return { flat, at };
};

const bordersOf = (form: string): Int32Array => {
  const borders = new Int32Array(form.length);
  for (let index = 1, length = 0; index < form.length; index += 1) {
    const character = form.charCodeAt(index);
    while (length > 0 && form.charCodeAt(length) !== character) length = borders[length - 1] as number;
    if (form.charCodeAt(length) === character) length += 1;
    borders[index] = length;
  }
  return borders;
};

/** How long the longest end of the text is that the form begins with, without being all of it. */
const openLength = ({ text: form, borders }: Needle, text: string): number => {
  const earliest = Math.max(0, text.length - form.length + 1);
  const first = text.indexOf(form.slice(0, firstLength), earliest);
  let length = 0;
  for (
    let index = first < 0 ? Math.max(earliest, text.length - firstLength + 1) : first;
    index < text.length;
    index += 1
  ) {
    const character = text.charCodeAt(index);
    while (length > 0 && form.charCodeAt(length) !== character) length = borders[length - 1] as number;
    if (form.charCodeAt(length) === character) length += 1;
  }
  return length;
};
