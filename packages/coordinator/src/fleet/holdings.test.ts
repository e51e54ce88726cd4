import type { Digest, Manifest } from '@skein/domain';
import { expect, test } from 'vitest';
import { Holdings } from './holdings.ts';

const digestOf = (index: number): Digest => `sha256:${index.toString(16).padStart(64, '0')}`;

const sealedOf = (digest: Digest, ...parts: readonly (readonly [Digest, number])[]) => {
  const manifest: Manifest = {
    formatVersion: 1,
    parts: parts.map(([part, size]) => ({ kind: 'soul', name: part, size, digest: part, askedBy: [] })),
  };
  return { digest, manifest, parts: new Map<Digest, Uint8Array>() };
};

test('what is lacking are the parts and the manifest, each digest once, and changes with what is held', () => {
  const holdings = new Holdings([digestOf(1)]);
  const sealed = sealedOf(digestOf(9), [digestOf(1), 10], [digestOf(2), 200], [digestOf(2), 200], [digestOf(3), 3_000]);
  const manifest = holdings.missingBytes(sealed) - 3_200;
  expect(manifest).toBeGreaterThan(300);
  holdings.add(digestOf(2));
  expect(holdings.missingBytes(sealed)).toBe(manifest + 3_000);
  holdings.add(digestOf(9));
  holdings.add(digestOf(3));
  expect(holdings.missingBytes(sealed)).toBe(0);
  holdings.delete(digestOf(2));
  expect(holdings.missingBytes(sealed)).toBe(200);
});

test('a worker that says that it holds a hundred thousand parts is believed the first 16,384, the newest', () => {
  const holdings = new Holdings(Array.from({ length: 100_000 }, (_, index) => digestOf(index)));
  expect(holdings.size).toBe(16_384);
  expect([holdings.has(digestOf(0)), holdings.has(digestOf(16_383)), holdings.has(digestOf(16_384))]).toEqual([
    true,
    true,
    false,
  ]);
});

test('a worker that never says what left its cache is believed what it was sent last', () => {
  const holdings = new Holdings();
  const old = sealedOf(digestOf(0), [digestOf(1), 10]);
  for (let index = 0; index <= 1; index++) holdings.add(digestOf(index));
  expect(holdings.missingBytes(old)).toBe(0);
  for (let index = 2; index < 20_000; index++) holdings.add(digestOf(index));
  expect(holdings.size).toBe(16_384);
  expect([holdings.has(digestOf(19_999)), holdings.has(digestOf(1))]).toEqual([true, false]);
  expect(holdings.missingBytes(old)).toBeGreaterThan(10);
});
