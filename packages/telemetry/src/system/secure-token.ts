import { randomBytes } from 'node:crypto';
import type { Secrets } from '@skein/ports';

/** 32 secure random bytes as base64url without padding: 43 characters. */
export const createSecureToken = (): string => randomBytes(32).toString('base64url');

/** Unguessable values from the operating system. */
export const createSecrets = (): Secrets => ({ secureToken: createSecureToken });
