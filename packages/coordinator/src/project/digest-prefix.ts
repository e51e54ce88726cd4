import { DomainError } from '@skein/domain';

const prefixPattern = /^(?:sha256:)?([0-9a-f]{6,64})$/;

/** Candidates that an error names. */
const maxNamed = 8;

/** `sha256:` and the hex digits of a digest or of at least the first 6 of one, with or without `sha256:`; undefined for another text. */
export const digestPrefix = (text: string): string | undefined => {
  const hex = prefixPattern.exec(text)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
};

/** The error of a beginning that more than one digest has: `invalid_argument` with the reason `ambiguous` and the candidates. */
export const ambiguous = (what: string, prefix: string, candidates: readonly string[]): DomainError => {
  const named = candidates.slice(0, maxNamed);
  const more = candidates.length > named.length ? ', …' : '';
  return new DomainError(
    'invalid_argument',
    `more than one ${what} begins with ${prefix}: ${named.join(', ')}${more}`,
    {
      reason: 'ambiguous',
      candidates: named,
    },
  );
};
