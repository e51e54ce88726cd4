/** Unguessable values. */
export interface Secrets {
  /** 32 bytes of secure chance as URL-safe text without padding (43 characters); fresh with every call. */
  secureToken(): string;
}

/**
 * Where values of secrets are kept: an environment, a folder of files, a vault. The values are never stored or logged by who asks (S3).
 */
export interface SecretSource {
  /** Undefined when there is no secret of this name. Throws `unavailable`. */
  read(name: string): Promise<string | undefined>;
}

/** Reads a secret for one task; whatever it answered is removed from all that the task says. Throws what `readSecret` of the gateway throws. */
export type SecretReader = (name: string) => Promise<string>;
