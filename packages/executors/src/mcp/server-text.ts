import { cleanText } from '@skein/domain';

/** Control characters, and the marks that turn the direction of text round or hide it. */
const control =
  /(?![\n\t])[\p{Cc}\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** A server's prose: control characters are gone, and at most `maxLength` characters are left. */
export const cleanProse = (text: string, maxLength: number): string => {
  const clean = cleanText(text.slice(0, maxLength * 2))
    .replace(/\r\n?/g, '\n')
    .replace(control, ' ')
    .trim();
  return clean.length > maxLength ? `${cleanText(clean.slice(0, maxLength))}…` : clean;
};

/** One line of a server's text, for a log. */
export const cleanLine = (text: string, maxLength = 200): string => cleanProse(text, maxLength).replace(/\s+/g, ' ');
