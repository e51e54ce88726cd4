import { utf8Bytes } from '@skein/domain';

/** A text under which a secret may appear. */
export interface SecretForm {
  readonly text: string;
  /** Encoders break long lines: line breaks inside do not hide it. */
  readonly mayWrap: boolean;
}

/** Shorter values are not looked for: taking "on" or "1" out of every text would leave nothing readable, and hide nothing. */
export const minSecretLength = 4;

/** Encoded pieces and single lines that are shorter could be anything. */
const minPieceLength = 8;
const minLineLength = 16;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The forms of a value that a task may say by accident: as it is and without white space around it, each long line of it, inside JSON,
 * in a URL, in hexadecimal, and in base64 (both alphabets) at each of the three alignments that it can have inside a longer text.
 * None for a value that is too short. Longest first.
 */
export const secretForms = (value: string): readonly SecretForm[] => {
  const plain = new Set<string>();
  const wrapped = new Set<string>();
  for (const text of new Set([value, value.trim()])) {
    if (text.length < minSecretLength) continue;
    const bytes = utf8Bytes(text);
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    for (const form of [text, ...jsonForms(text), ...urlForms(text)]) plain.add(form);
    if (hex.length >= minPieceLength) for (const form of [hex, hex.toUpperCase()]) wrapped.add(form);
    for (const piece of base64Pieces(bytes)) for (const form of [piece, urlAlphabet(piece)]) wrapped.add(form);
  }
  const lines = value.split(/\r?\n/);
  if (lines.length > 1) for (const line of lines) if (line.trim().length >= minLineLength) plain.add(line.trim());
  return [
    ...[...plain].map((text) => ({ text, mayWrap: false })),
    ...[...wrapped].filter((text) => !plain.has(text)).map((text) => ({ text, mayWrap: true })),
  ].toSorted((a, b) => b.text.length - a.text.length);
};

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Inside JSON, and JSON inside JSON; as encoders write it that keep to ASCII, or that escape what HTML gives a meaning. */
const jsonForms = (text: string): readonly string[] => {
  const json = inJson(text);
  const ascii = json.replace(/[\u0080-\uffff]/g, escaped);
  return [json, inJson(json), ascii, json.replace(/[<>&\u2028\u2029]/g, escaped), json.replaceAll('/', '\\/')];
};

/** In a URL: encoders differ in what they leave as it is, in the case of the digits, and in forms a space is a plus sign. */
const urlForms = (text: string): readonly string[] => {
  const usual = percentEncoded(text);
  const strict = usual.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const path = usual.replaceAll('%2F', '/');
  return [usual, strict, path, strict.replaceAll('%20', '+')].flatMap((form) => [
    form,
    form.replace(/%../g, (code) => code.toLowerCase()),
  ]);
};

const percentEncoded = (text: string): string => {
  try {
    return encodeURIComponent(text);
  } catch {
    return text; // a lone surrogate, which no URL holds
  }
};

const urlAlphabet = (piece: string): string => piece.replaceAll('+', '-').replaceAll('/', '_');

/** What of the base64 text depends on these bytes alone, when 0, 1 or 2 other bytes came before them in their group of three. */
const base64Pieces = (bytes: Uint8Array): readonly string[] =>
  [0, 1, 2].flatMap((offset) => {
    const shifted = new Uint8Array(offset + bytes.length);
    shifted.set(bytes, offset);
    const from = Math.ceil((8 * offset) / 6);
    const to = Math.floor((8 * shifted.length) / 6);
    let piece = '';
    for (let index = from; index < to; index += 1) piece += alphabet[sextet(shifted, index)];
    return piece.length >= minPieceLength ? [piece] : [];
  });

const sextet = (bytes: Uint8Array, index: number): number => {
  const at = Math.floor((index * 6) / 8);
  const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (pair >> (10 - ((index * 6) % 8))) & 63;
};
