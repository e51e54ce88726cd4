import type { Digest } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';

/** A value in a fact or a message: inline up to 32 KiB of canonical JSON, else the digest of those bytes in the blob store. */
export type ValueRef = { readonly inline: JsonValue } | { readonly digest: Digest; readonly bytes: number };

/** Largest canonical JSON, in bytes, that a value may have and still travel inline. */
export const maxInlineValueBytes = 32 * 1024;

/** Largest sum of all outputs of one attempt, in bytes. */
export const maxOutputsBytes = 4 * 1024 * 1024;
