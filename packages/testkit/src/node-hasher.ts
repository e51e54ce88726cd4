import { createHash } from 'node:crypto';
import type { Hasher } from '@skein/ports';

/** SHA-256 of `node:crypto`. */
export const createNodeHasher = (): Hasher => ({
  digest: (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  bytes: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
});
