import type { TenantId } from '@skein/domain';

/** What a token lets its bearer do: `api` is the HTTP API, `join` is a worker or launcher. */
export type TokenKind = 'api' | 'join';

/** A token as it is stored: only its SHA-256 (S3). Instants in ms. */
export interface TokenRecord {
  readonly tokenId: string;
  readonly tenant: TenantId;
  readonly kind: TokenKind;
  readonly name: string;
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}

/** Hashed tokens. */
export interface TokenStore {
  /** The same id and hash again change nothing; `already_exists` when only one of them is taken. */
  insert(record: TokenRecord): Promise<void>;
  /** Live and dead alike; the caller judges expiry and revocation by its own clock. */
  findByHash(hash: string): Promise<TokenRecord | undefined>;
  list(tenant: TenantId): Promise<readonly TokenRecord[]>;
  /** Idempotent; `not_found` for an unknown id. */
  revoke(tenant: TenantId, tokenId: string, at: number): Promise<void>;
}
