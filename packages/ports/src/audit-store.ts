import type { JsonObject, TenantId } from '@skein/domain';
import type { Page } from './run-store.ts';

/** Something that somebody did, or tried. Never a secret value (S3). */
export interface AuditEntry {
  readonly id: string;
  readonly tenant: TenantId;
  /** ms since the epoch. */
  readonly at: number;
  /** Who: the id and name of a token, a worker, a peer, `system`. */
  readonly actor: {
    readonly kind: 'token' | 'worker' | 'peer' | 'trigger' | 'system';
    readonly id: string;
    readonly name?: string;
  };
  /** What: `POST /api/runs`, `worker.fetch_blob`, … */
  readonly action: string;
  /** On what: a run, an agent, a token. */
  readonly target?: string;
  /** `done`, or the code of the error with which it was refused. */
  readonly outcome: string;
  readonly details?: JsonObject;
}

/** Filter of the audit log; newest first. */
export interface AuditFilter {
  readonly tenant: TenantId;
  readonly actorId?: string;
  readonly action?: string;
  readonly target?: string;
  /** ms since the epoch. */
  readonly since?: number;
  readonly limit: number;
  readonly cursor?: string;
}

/** Every write, with its actor; and what was refused. Rows are appended, never changed; retention removes whole ranges by age. */
export interface AuditStore {
  /** Durable when it resolves; a repeated id changes nothing. */
  append(entries: readonly AuditEntry[]): Promise<void>;
  /** Throws `invalid_argument` for a cursor that no page gave. */
  list(filter: AuditFilter): Promise<Page<AuditEntry>>;
  /** Removes entries older than `before` (ms). Returns how many. */
  prune(before: number): Promise<number>;
}

/** A secret at rest: encrypted, never in plain. */
export interface SealedSecret {
  readonly tenant: TenantId;
  readonly name: string;
  /** Names the key that sealed it. */
  readonly keyId: string;
  /** Nonce, ciphertext and tag; opaque to the store. */
  readonly sealed: Uint8Array;
  readonly updatedAt: number;
  readonly updatedBy: string;
}

/** Secrets that an operator stored. */
export interface SecretStore {
  put(secret: SealedSecret): Promise<void>;
  read(tenant: TenantId, name: string): Promise<SealedSecret | undefined>;
  /** The same secret sealed anew: written only while it is still sealed as `before` is. False when it was changed or removed meanwhile. */
  replace(secret: SealedSecret, before: SealedSecret): Promise<boolean>;
  /** Without the sealed bytes, sorted by name. */
  list(tenant: TenantId): Promise<readonly Omit<SealedSecret, 'sealed'>[]>;
  /** All of all tenants sealed by another key than `keyId`, at most `limit`: what a rotation still has to do. */
  listSealedByOthers(keyId: string, limit: number): Promise<readonly SealedSecret[]>;
  /** Idempotent. */
  remove(tenant: TenantId, name: string): Promise<void>;
}
