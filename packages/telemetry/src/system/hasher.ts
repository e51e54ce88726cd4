import * as crypto from 'node:crypto';
import type { Hasher } from '@skein/ports';

/** SHA-256 by `node:crypto`: the one-shot call where Node has it (20.12, 21.7), else a hash object. */
export const createHasher = (): Hasher => {
  if (typeof crypto.hash === 'function') {
    return {
      digest: (bytes) => `sha256:${crypto.hash('sha256', bytes, 'hex')}`,
      bytes: (bytes) => new Uint8Array(crypto.hash('sha256', bytes, 'buffer')),
    };
  }
  return {
    digest: (bytes) => `sha256:${crypto.createHash('sha256').update(bytes).digest('hex')}`,
    bytes: (bytes) => new Uint8Array(crypto.createHash('sha256').update(bytes).digest()),
  };
};
