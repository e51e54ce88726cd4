const loneSurrogate = /[\uD800-\uDFFF]/u;
const loneSurrogates = /[\uD800-\uDFFF]/gu;

/** True if the text holds a surrogate without its partner, so that it has no UTF-8 form. */
export const hasLoneSurrogate = (text: string): boolean => loneSurrogate.test(text);

/** The text as every store can keep it: NUL removed, lone surrogates replaced by U+FFFD. Idempotent. */
export const cleanText = (text: string): string => text.replaceAll('\u0000', '').replace(loneSurrogates, '\uFFFD');
