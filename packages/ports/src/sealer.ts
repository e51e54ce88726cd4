import type { TenantId } from '@skein/domain';

/** What a sealed value belongs to: sealed for one place, it opens in no other. */
export interface SealContext {
  readonly tenant: TenantId;
  readonly name: string;
}

/**
 * Encrypts what is kept at rest, and says whether it was changed: AES-256-GCM with a fresh nonce, tenant, name and key id authenticated.
 * The first of its keys seals, all of them open.
 */
export interface Sealer {
  /** Names the key that seals now. */
  readonly keyId: string;
  seal(context: SealContext, plain: Uint8Array): Uint8Array;
  /** Throws `unavailable` when no key has this id, `data_corrupt` when it was changed or sealed for something else. Neither says the value. */
  open(context: SealContext, keyId: string, sealed: Uint8Array): Uint8Array;
}

/** HMAC-SHA256. */
export interface Hmac {
  /** 32 bytes. */
  sign(key: Uint8Array, text: string): Uint8Array;
  /** Takes the same time wherever the two differ. */
  isEqual(a: Uint8Array, b: Uint8Array): boolean;
}
