import type { Digest, Manifest } from '@skein/domain';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PartCache } from './part-cache.ts';
import type { VerifiedSnapshot } from './verify-snapshot.ts';

const manifest: Manifest = { formatVersion: 1, parts: [] };
/** A snapshot of 10 bytes of manifest and the given parts; the cache does not read the manifest. */
const snapshot = (digest: string, parts: { readonly [digest: string]: number }): VerifiedSnapshot => ({
  digest,
  manifest,
  manifestBytes: new Uint8Array(10),
  parts: new Map(Object.entries(parts).map(([part, size]) => [part as Digest, new Uint8Array(size).fill(1)])),
});

describe('the part cache', () => {
  test('holds a snapshot with its parts and counts shared parts once', () => {
    const cache = new PartCache(1_000);
    cache.keep(snapshot('s1', { a: 100, b: 50 }));
    cache.keep(snapshot('s2', { a: 100, c: 25 }));
    expect([...cache.held()].sort()).toEqual(['a', 'b', 'c', 's1', 's2']);
    expect(cache.bytes).toBe(195);
  });

  test('lets the least recently used go, with the manifests that need it, and says so once', () => {
    const cache = new PartCache(250);
    const evicted: Digest[][] = [];
    cache.onEvicted((digests) => evicted.push([...digests]));
    cache.keep(snapshot('s1', { a: 100 }));
    cache.keep(snapshot('s2', { b: 100 }));
    expect(cache.use('s1')).toBe(true);
    cache.keep(snapshot('s3', { c: 100 }));
    expect(evicted).toEqual([['b', 's2']]);
    expect([...cache.held()].sort()).toEqual(['a', 'c', 's1', 's3']);
    expect(cache.use('s2')).toBe(false);
  });

  test('keeps what fits of a snapshot that is too large, but not its manifest', () => {
    const cache = new PartCache(120);
    cache.keep(snapshot('s1', { a: 100, b: 100 }));
    expect(cache.held()).toEqual(['b']);
  });

  test('gives and takes copies', () => {
    const cache = new PartCache(1_000);
    const given = snapshot('s1', { a: 4 });
    cache.keep(given);
    given.parts.get('a')?.fill(9);
    cache.read('a')?.fill(8);
    expect(cache.read('a')).toEqual(Uint8Array.of(1, 1, 1, 1));
  });

  test('is never over its bound, never holds half a snapshot, and reports exactly what left', () => {
    const actions = fc.array(
      fc.record({
        id: fc.nat(5),
        parts: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 60 })),
      }),
    );
    fc.assert(
      fc.property(actions, (steps) => {
        const cache = new PartCache(120);
        const known = new Set<Digest>();
        const needs = new Map<Digest, readonly Digest[]>();
        cache.onEvicted((digests) => {
          for (const digest of digests) expect(known.delete(digest)).toBe(true);
        });
        for (const { id, parts } of steps) {
          const one = snapshot(`s${id}-${Object.keys(parts).join('')}`, parts);
          for (const digest of [...one.parts.keys(), one.digest]) known.add(digest);
          needs.set(one.digest, [...one.parts.keys()]);
          cache.keep(one);
          expect(cache.bytes).toBeLessThanOrEqual(120);
          expect(new Set(cache.held())).toEqual(known);
          for (const digest of known) for (const need of needs.get(digest) ?? []) expect(known).toContain(need);
        }
      }),
    );
  });
});
