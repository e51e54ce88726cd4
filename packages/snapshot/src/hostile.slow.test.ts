import { isDomainError } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { type Hostile, hostileSnapshots } from '../test/hostile-snapshots.ts';
import { hasher, limits } from '../test/sealed.ts';
import { inflate } from './inflate.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

/** How opening ended: the reason of `snapshot_invalid`, another code, or `accepted`. */
const outcomeOf = async (
  { digest }: Hostile,
  bytes: Uint8Array,
  opener: ReturnType<typeof createSnapshotOpener>,
): Promise<string> => {
  const missing = () => Promise.reject(new Error('nothing is fetched'));
  try {
    await opener.open(
      { digest, envelope: bytes.slice() },
      { fetchEnvelope: async () => bytes.slice(), fetchPart: missing },
    );
    return 'accepted';
  } catch (thrown) {
    if (!isDomainError(thrown)) return `threw ${String(thrown)}`;
    expect(thrown.message.length).toBeLessThan(1_200);
    return (thrown.details?.['reason'] as string | undefined) ?? thrown.code;
  }
};

/** Bytes that are inflated of an envelope before it is opened or refused. */
const inflatedBytes = (envelope: Uint8Array): number => {
  try {
    return inflate(envelope, 10, 0xffffffff, limits.maxBytes).content.buffer.byteLength;
  } catch {
    return 0;
  }
};

/** Entries that differ only by a number are one test. */
const groups = new Map<string, Hostile[]>();
const corpus = hostileSnapshots();
for (const hostile of corpus) {
  const group = hostile.name.replace(/^(cut at|flip) \d.*/, '$1 many places');
  groups.set(group, [...(groups.get(group) ?? []), hostile]);
}

describe('a hostile snapshot is refused with its type, and nothing of it is kept', () => {
  test.each([...groups])('%s', async (_name, entries) => {
    for (const hostile of entries) {
      const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes: 100_000_000 });
      // Made once: to compress a bomb takes longer than to refuse it.
      const bytes = hostile.make();
      const outcome = await outcomeOf(hostile, bytes, opener);
      if (typeof hostile.outcome === 'string') expect([hostile.name, outcome]).toEqual([hostile.name, hostile.outcome]);
      else expect(outcome).toMatch(hostile.outcome);
      if (outcome !== 'accepted') expect(opener.held()).toEqual([]);
      expect(inflatedBytes(bytes)).toBeLessThanOrEqual(limits.maxBytes);
    }
  });

  test('the corpus has all that it says', () => {
    expect(new Set(corpus.map(({ name }) => name)).size).toBeGreaterThan(1_200);
  });
});
