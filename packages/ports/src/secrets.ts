/** Unguessable values. */
export interface Secrets {
  /** 32 bytes of secure chance as URL-safe text without padding (43 characters); fresh with every call. */
  secureToken(): string;
}
