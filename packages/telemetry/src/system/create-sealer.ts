import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { DomainError, err, ok, type Result } from '@skein/domain';
import type { Hmac, SealContext, Sealer } from '@skein/ports';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const maxKeys = 16;

/** A key of secrets at rest. Prints as `[redacted]` wherever it is written by accident. */
export class SealingKey {
  /** Says which key it is, and nothing about it. */
  readonly keyId: string;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.keyId = `key_${createHash('sha256').update('skein secrets at rest\n').update(bytes).digest('hex').slice(0, 16)}`;
  }

  reveal(): Uint8Array {
    return this.#bytes;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** Keys from text: base64 of 32 bytes each, with spaces, commas or line breaks between; the first one seals. The error repeats none of it. */
export const parseSealingKeys = (text: string): Result<readonly SealingKey[], string> => {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  const keys = parts.map((part) => {
    if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(part)) return undefined;
    const bytes = Buffer.from(part, 'base64');
    return bytes.length === keyBytes ? new SealingKey(new Uint8Array(bytes)) : undefined;
  });
  const known = keys.filter((key) => key !== undefined);
  if (known.length !== parts.length || known.length === 0 || known.length > maxKeys)
    return err(
      `must be 1 to ${maxKeys} keys of ${keyBytes} bytes in base64 (openssl rand -base64 32), with commas or line breaks between`,
    );
  return ok(known);
};

/** Ties what is sealed to its place and its key. */
const boundTo = ({ tenant, name }: SealContext, keyId: string): Buffer =>
  Buffer.from(JSON.stringify(['skein-sealed-1', tenant, name, keyId]));

/** AES-256-GCM by `node:crypto`: nonce, ciphertext, tag. The first key seals, all open. Throws `invalid_argument` without a key. */
export const createSealer = (keys: readonly SealingKey[]): Sealer => {
  const [first] = keys;
  if (first === undefined) throw new DomainError('invalid_argument', 'a sealer needs a key');
  const byId = new Map(keys.map((key) => [key.keyId, key]));
  return {
    keyId: first.keyId,
    seal: (context, plain) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', first.reveal(), nonce);
      cipher.setAAD(boundTo(context, first.keyId));
      return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
    },
    open: (context, keyId, sealed) => {
      const key = byId.get(keyId);
      if (key === undefined)
        throw new DomainError('unavailable', 'the key that sealed this secret is not among those of this coordinator', {
          keyId,
        });
      try {
        const bytes = Buffer.from(sealed);
        const tag = bytes.subarray(bytes.length - tagBytes);
        const decipher = createDecipheriv('aes-256-gcm', key.reveal(), bytes.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        decipher.setAAD(boundTo(context, keyId));
        decipher.setAuthTag(tag);
        const plain = decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes));
        return new Uint8Array(Buffer.concat([plain, decipher.final()]));
      } catch {
        throw new DomainError('data_corrupt', 'a stored secret was changed, or belongs elsewhere', { keyId });
      }
    },
  };
};

/** HMAC-SHA256 by `node:crypto`. */
export const createHmacs = (): Hmac => ({
  sign: (key, text) => new Uint8Array(createHmac('sha256', key).update(text).digest()),
  isEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
});
