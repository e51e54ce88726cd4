import { randomBytes } from 'node:crypto';

/** A fresh bearer token: `skein_` + 32 random bytes as base64url. It is shown once; only its hash is stored (S3). */
export const createSecureToken = (): string => `skein_${randomBytes(32).toString('base64url')}`;
