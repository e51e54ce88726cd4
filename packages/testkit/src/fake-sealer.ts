import { createHmac, timingSafeEqual } from 'node:crypto';
import { DomainError } from '@skein/domain';
import type { Hmac, SealContext, Sealer } from '@skein/ports';

/** A sealer of tests: what it seals shows nothing in plain, opens only in its place and with its key, and protects nothing. */
export const createFakeSealer = (...keyIds: readonly [string, ...string[]]): Sealer => {
  const [keyId] = keyIds;
  let count = 0;
  const placeOf = ({ tenant, name }: SealContext, key: string): string => `${tenant}\n${name}\n${key}`;
  return {
    keyId,
    seal: (context, plain) => {
      count += 1;
      const hidden = Buffer.from(plain).map((byte) => byte ^ 0x5a);
      return new TextEncoder().encode(
        JSON.stringify([count, placeOf(context, keyId), Buffer.from(hidden).toString('base64')]),
      );
    },
    open: (context, key, sealed) => {
      if (!keyIds.includes(key)) throw new DomainError('unavailable', 'there is no such key', { keyId: key });
      const [, place, hidden] = JSON.parse(new TextDecoder().decode(sealed)) as [number, string, string];
      if (place !== placeOf(context, key)) throw new DomainError('data_corrupt', 'sealed for another place', {});
      return new Uint8Array(Buffer.from(hidden, 'base64').map((byte) => byte ^ 0x5a));
    },
  };
};

/** HMAC-SHA256 for tests. */
export const testHmac: Hmac = {
  sign: (key, text) => new Uint8Array(createHmac('sha256', key).update(text).digest()),
  isEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
