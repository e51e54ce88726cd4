import type { TenantId } from '@skein/domain';

/** A stored secret as it is listed: never its value. */
export interface StoredSecretView {
  readonly name: string;
  /** Names the key that sealed it. */
  readonly keyId: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

/** What a rotation did. Run again, it goes on where it ended. */
export interface SecretRotation {
  readonly keyId: string;
  /** Sealed anew by this call. */
  readonly rotated: number;
  /** Could not be opened, and were left as they are. */
  readonly failed: readonly { readonly name: string; readonly code: string }[];
}

/** Secrets that the coordinator keeps, encrypted. Everything but `list` and `remove` throws `unimplemented` when it has no key. */
export interface StoredSecrets {
  /** Throws `invalid_argument` (name, empty), `too_large`. */
  set(tenant: TenantId, name: string, value: string, by: string): Promise<StoredSecretView>;
  list(tenant: TenantId): Promise<readonly StoredSecretView[]>;
  /** Idempotent. */
  remove(tenant: TenantId, name: string): Promise<void>;
  /** Seals everything of all tenants with the first key: secrets, and those of triggers. */
  rotate(): Promise<SecretRotation>;
}
