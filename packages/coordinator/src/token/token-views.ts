import type { TokenKind, TokenRole } from '@skein/ports';

/** What a token is limited to. */
export interface CreateTokenOptions {
  /** Of an `api` token; `admin` when absent. `invalid_argument` for a `join` token. */
  readonly role?: TokenRole;
  /** Of a `join` token: the labels that its workers get, and may have; `*`: any value, or none. `invalid_argument` for an `api` token. */
  readonly labels?: { readonly [name: string]: string };
  /** Of a `join` token: how many worker processes may join by it; any number when absent. `invalid_argument` for an `api` token. */
  readonly maxUses?: number;
}

/** A token as it is listed; the plain text is shown once, at creation. */
export interface TokenView {
  readonly tokenId: string;
  readonly kind: TokenKind;
  readonly name: string;
  /** Of an API token. */
  readonly role?: TokenRole;
  /** Of a join token that is limited; `uses` of every join token whose uses are counted. */
  readonly labels?: { readonly [name: string]: string };
  readonly maxUses?: number;
  readonly uses?: number;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
}
