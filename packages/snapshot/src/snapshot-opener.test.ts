import { type Digest, DomainError, defaultSnapshotLimits } from '@skein/domain';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { encodeEnvelope } from './envelope.ts';
import { makeManifest, manifestBytes } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

const hasher = createNodeHasher();
const limits = defaultSnapshotLimits;

/** A snapshot of souls with these texts. */
const snapshotOf = (...texts: readonly string[]) => {
  const parts = new Map<Digest, Uint8Array>();
  const manifest = makeManifest(
    texts.map((content) => {
      const bytes = encodePart('soul', { id: content.slice(0, 20), name: '', description: '', content });
      const digest = hasher.digest(bytes);
      parts.set(digest, bytes);
      return { kind: 'soul', name: content.slice(0, 20), size: bytes.length, digest } as const;
    }),
  );
  const envelopeWithout = (held: readonly Digest[] = []) =>
    encodeEnvelope(
      manifest,
      parts,
      limits,
      [...parts.keys()].filter((digest) => !held.includes(digest)),
    );
  return { digest: hasher.digest(manifestBytes(manifest)), parts, envelopeWithout };
};

const openerOf = (maxCacheBytes = 1_000_000) => createSnapshotOpener({ hasher, limits, maxCacheBytes });
const never = () => Promise.reject(new Error('fetched'));

describe('opening a snapshot', () => {
  test('shares one fetch, but not its failure: the end of the task that fetches fails no other', async () => {
    const opener = openerOf();
    const { digest, envelopeWithout } = snapshotOf('calm');
    const gone = new DomainError('cancelled', 'the run of this task was cancelled');
    let failFirst = (_error: Error): void => undefined;
    const first = opener.open({ digest }, () => new Promise((_, reject) => (failFirst = reject)));
    let fetches = 0;
    const fetch = async () => {
      fetches += 1;
      return envelopeWithout();
    };
    const others = [opener.open({ digest }, fetch), opener.open({ digest }, fetch)];
    failFirst(gone);
    await expect(first).rejects.toBe(gone);
    for (const stores of await Promise.all(others)) expect(stores.digest).toBe(digest);
    expect(fetches).toBeGreaterThan(0);
    expect((await opener.open({ digest }, never)).digest).toBe(digest);
  });

  test('fails each task with its own error when no fetch succeeds, and a later one may', async () => {
    const opener = openerOf();
    const { digest, envelopeWithout } = snapshotOf('calm');
    const opening = ['a', 'b'].map((name) => opener.open({ digest }, () => Promise.reject(new Error(name))));
    expect((await Promise.allSettled(opening)).map((one) => (one as PromiseRejectedResult).reason.message)).toEqual([
      'a',
      'b',
    ]);
    expect((await opener.open({ digest }, async () => envelopeWithout())).digest).toBe(digest);
  });

  test('asks once more for everything when a part left the cache before the answer came', async () => {
    const one = snapshotOf('shared'.repeat(100), 'a');
    const two = snapshotOf('shared'.repeat(100), 'b');
    const large = snapshotOf('large'.repeat(300));
    const opener = openerOf(2_000);
    await opener.open({ digest: one.digest, envelope: one.envelopeWithout() }, never);
    const asked: number[] = [];
    const stores = await opener.open({ digest: two.digest }, async (held) => {
      asked.push(held.length);
      if (asked.length === 1) await opener.open({ digest: large.digest, envelope: large.envelopeWithout() }, never);
      return two.envelopeWithout(held);
    });
    expect(stores.digest).toBe(two.digest);
    expect(asked).toEqual([3, 0]);
  });

  test('keeps stores ready only within its bound, however much their snapshots share', async () => {
    const shared = 'shared '.repeat(1_000);
    const snapshots = Array.from({ length: 30 }, (_, index) => snapshotOf(shared, `line ${index}`));
    const opener = openerOf(100_000);
    const opened: unknown[] = [];
    for (const { digest, envelopeWithout } of snapshots) {
      opened.push(await opener.open({ digest, envelope: envelopeWithout(opener.held()) }, never));
    }
    // The bytes of all thirty are held; the values of a dozen.
    const again: unknown[] = [];
    for (const { digest } of [...snapshots].reverse()) again.push(await opener.open({ digest }, never));
    const kept = again.reverse().map((stores, index) => stores === opened[index]);
    expect(kept.filter(Boolean).length).toBeGreaterThan(5);
    expect(kept.filter(Boolean).length).toBeLessThan(16);
    expect(kept.at(-1)).toBe(true);
    expect(kept[0]).toBe(false);
  });
});
