/** Text that stays as bytes of its part until someone reads it, and every time that someone does: a large skill costs memory only while it is used. */
export class DeferredText {
  readonly #bytes: Uint8Array;
  readonly #escaped: boolean;

  /** `bytes`: what stands between the quotes, checked already. */
  constructor(bytes: Uint8Array, escaped: boolean) {
    this.#bytes = bytes;
    this.#escaped = escaped;
  }

  read(): string {
    const text = decoder.decode(this.#bytes);
    return this.#escaped ? (JSON.parse(`"${text}"`) as string) : text;
  }

  /** True if the text is base64 with its padding. */
  isBase64(): boolean {
    if (this.#escaped) return isBase64(this.read());
    const bytes = this.#bytes;
    return matchesBase64(bytes.length, (at) => bytes[at] as number);
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Where an object keeps its deferred texts, out of sight of everyone who lists its keys. */
const deferredTexts = Symbol('deferred texts');

interface Deferring {
  readonly [deferredTexts]?: Map<string, DeferredText>;
}

/** Gives the object a property that reads as the text. */
export const deferProperty = (object: object, key: string, text: DeferredText): void => {
  let texts = (object as Deferring)[deferredTexts];
  if (texts === undefined) {
    texts = new Map();
    Object.defineProperty(object, deferredTexts, { value: texts });
  }
  texts.set(key, text);
  Object.defineProperty(object, key, { enumerable: true, get: () => text.read() });
};

/** The value of an own property without reading deferred text; undefined when there is no such property. */
export const peekProperty = (object: object, key: string): unknown => {
  if (!Object.hasOwn(object, key)) return undefined;
  return (object as Deferring)[deferredTexts]?.get(key) ?? (object as { readonly [key: string]: unknown })[key];
};

/** True if the text is base64 with its padding. */
export const isBase64 = (text: string): boolean => matchesBase64(text.length, (at) => text.charCodeAt(at));

/** A loop, because a pattern over megabytes takes as much memory again. */
const matchesBase64 = (length: number, unitAt: (at: number) => number): boolean => {
  if (length % 4 !== 0) return false;
  let end = length;
  while (end > 0 && length - end < 2 && unitAt(end - 1) === 0x3d) end--;
  for (let at = 0; at < end; at++) if (!isBase64Unit(unitAt(at))) return false;
  return true;
};

const isBase64Unit = (unit: number): boolean =>
  (unit >= 0x41 && unit <= 0x5a) ||
  (unit >= 0x61 && unit <= 0x7a) ||
  (unit >= 0x30 && unit <= 0x39) ||
  unit === 0x2b ||
  unit === 0x2f;
