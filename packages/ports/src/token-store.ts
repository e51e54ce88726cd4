import type { TenantId } from '@skein/domain';

/** What a token lets its bearer do: `api` is the HTTP API, `join` is a worker or launcher. */
export type TokenKind = 'api' | 'join';

/** What the bearer of an `api` token may do; each role may all that the one before it may. */
export type TokenRole = 'viewer' | 'operator' | 'release-manager' | 'admin';

/** Roles from the least to the most. */
export const tokenRoles: readonly TokenRole[] = ['viewer', 'operator', 'release-manager', 'admin'];

/** What a join token is limited to. */
export interface TokenScope {
  /** Whoever joins by it must carry these. */
  readonly labels?: { readonly [name: string]: string };
  /** How often it can be used; any number of times when absent. */
  readonly maxUses?: number;
  /** How often it was. */
  readonly uses?: number;
}

/** A token as it is stored: only its SHA-256 (S3). Instants in ms. */
export interface TokenRecord {
  readonly tokenId: string;
  readonly tenant: TenantId;
  readonly kind: TokenKind;
  readonly name: string;
  /** Of `api` tokens. Absent: `admin`, as all tokens were before there were roles. */
  readonly role?: TokenRole;
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
  readonly scope?: TokenScope;
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
  /**
   * Counts one use, durably. False, and nothing counted, when as many as `maxUses` were counted, or nobody knows the token. Of any number
   * of uses at once, on any coordinator, no more than `maxUses` are true.
   */
  countUse(tenant: TenantId, tokenId: string): Promise<boolean>;
}
