import { DomainError } from '../errors/domain-error.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { utf8Bytes } from '../text/utf8.ts';

/** Positions lie in [0, 2^32). */
export const positionCount = 2 ** 32;

/**
 * Where a unit stands in a rollout: the first four bytes, big-endian, of SHA-256 over `rollout/v1`, NUL, salt, NUL, unit.
 * The same on every machine for ever (O2). Throws `invalid_argument` for a NUL or a lone surrogate, which would make it ambiguous.
 */
export const rolloutPosition = (sha256: (bytes: Uint8Array) => Uint8Array, salt: string, unit: string): number => {
  for (const text of [salt, unit]) {
    if (text.includes('\u0000') || hasLoneSurrogate(text)) {
      throw new DomainError('invalid_argument', 'salt and routing key may hold no NUL and no lone surrogate');
    }
  }
  const [a = 0, b = 0, c = 0, d = 0] = sha256(utf8Bytes(`rollout/v1\u0000${salt}\u0000${unit}`));
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
};
