import { DomainError } from '@skein/domain';
import type { TokenKind, TokenScope } from '@skein/ports';
import type { CreateTokenOptions } from './token-views.ts';

const maxLabels = 64;
const maxNameLength = 256;
const mostUses = 1_000_000_000;

const bad = (field: string, expected: string): DomainError =>
  new DomainError('invalid_argument', 'the limits of the token are not right', {
    problems: [{ message: `${field} must be ${expected}`, field, expected }],
  });

const isName = (text: unknown, least: number): boolean =>
  typeof text === 'string' && text.length >= least && text.length <= maxNameLength;

/** What a token is to be limited to; undefined for one that is not. Throws `invalid_argument`. */
export const scopeOf = (kind: TokenKind, { labels, maxUses }: CreateTokenOptions): TokenScope | undefined => {
  if (labels === undefined && maxUses === undefined) return undefined;
  if (kind !== 'join')
    throw bad(labels === undefined ? 'maxUses' : 'labels', 'absent: only a join token is limited so');
  if (labels !== undefined) {
    const entries = Object.entries(labels);
    const isRight = entries.every(([name, value]) => isName(name, 1) && isName(value, 0));
    if (!isRight || entries.length > maxLabels)
      throw bad('labels', `at most ${maxLabels} names and values of at most ${maxNameLength} characters`);
  }
  if (maxUses !== undefined && !(Number.isSafeInteger(maxUses) && maxUses >= 1 && maxUses <= mostUses))
    throw bad('maxUses', `a whole number from 1 to ${mostUses}`);
  return { ...(labels === undefined ? {} : { labels }), ...(maxUses === undefined ? {} : { maxUses }) };
};
