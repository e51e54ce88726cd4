import type { Hmac } from '@skein/ports';
import type { TriggerRequest } from './trigger-api.ts';

/** Signatures of one request that are looked at: a sender that changes its secret sends two. */
const maxSignatures = 8;

/**
 * Whether one of the signatures is HMAC-SHA256 of `id.timestamp.body` under this secret (32 bytes in base64); each is compared in constant time.
 * @source https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const isSigned = (hmac: Hmac, secret: string, request: TriggerRequest): boolean => {
  const { id = '', timestamp = '', signature = '', body } = request;
  const expected = hmac.sign(bytesOf(secret), `${id}.${timestamp}.${body}`);
  let isOne = false;
  for (const each of signature.split(' ').slice(0, maxSignatures)) {
    const encoded = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(each)?.[1];
    if (encoded !== undefined && hmac.isEqual(expected, bytesOf(encoded))) isOne = true;
  }
  return isOne && /^[\x21-\x7e]{1,256}$/.test(id) && /^\d{1,12}$/.test(timestamp);
};

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes of base64 with one `=`: 32 of them. */
const bytesOf = (base64: string): Uint8Array => {
  const bytes = new Uint8Array(32);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const char of base64) {
    const digit = alphabet.indexOf(char);
    if (digit < 0) break;
    value = ((value << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (value >> bits) & 0xff;
    at += 1;
  }
  return bytes;
};
