/** What the bearer of an API token may do; each role may all that the one before it may. */
export type TokenRole = 'viewer' | 'operator' | 'release-manager' | 'admin';

/** One entry of the audit log. */
export interface AuditEntryInfo {
  readonly id: string;
  readonly at: string;
  readonly actor: {
    readonly kind: 'token' | 'worker' | 'peer' | 'trigger' | 'system';
    readonly id: string;
    readonly name?: string;
  };
  /** Method and pattern of a route, or the name of a worker's call. */
  readonly action: string;
  readonly target?: string;
  /** `done`, or the code of the error. */
  readonly outcome: string;
  readonly details?: { readonly [key: string]: unknown };
}

/** Filter of the audit log; newest first. */
export interface ListAuditInput {
  /** Id of a token, worker or trigger. */
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  /** ISO 8601. */
  readonly since?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** A stored secret without its value. */
export interface StoredSecretInfo {
  readonly name: string;
  /** Names the key that sealed it. */
  readonly keyId: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

/** What a rotation did. */
export interface SecretRotationInfo {
  readonly keyId: string;
  readonly rotated: number;
  readonly failed: readonly { readonly name: string; readonly code: string }[];
}

/** A trigger to be made. */
export interface CreateTriggerInput {
  readonly name: string;
  readonly dag: string;
  /** Where each param lies in the body: a JSON Pointer, `''` for all of it. Absent: the whole body is the param `body`. */
  readonly params?: { readonly [param: string]: string };
}

/** A trigger without its secret. */
export interface TriggerInfo extends CreateTriggerInput {
  readonly triggerId: string;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** A fresh trigger with its secret, which is shown once. */
export interface CreatedTrigger extends TriggerInfo {
  readonly secret: string;
}
