import { isDomainError } from '@skein/domain';
import { Gunzip } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Hostile, hostileSnapshots } from '../test/hostile-snapshots.ts';
import { hasher, limits } from '../test/sealed.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

/** Input of one slice, and what deflate can make of it. */
const sliceBytes = 2 * 1024 * 1_032;

/** How opening ended: the reason of `snapshot_invalid`, another code, or `accepted`. */
const outcomeOf = async (hostile: Hostile, opener: ReturnType<typeof createSnapshotOpener>): Promise<string> => {
  const missing = () => Promise.reject(new Error('nothing is fetched'));
  try {
    await opener.open(
      { digest: hostile.digest, envelope: hostile.make() },
      { fetchEnvelope: async () => hostile.make(), fetchPart: missing },
    );
    return 'accepted';
  } catch (thrown) {
    if (!isDomainError(thrown)) return `threw ${String(thrown)}`;
    expect(thrown.message.length).toBeLessThan(1_200);
    return (thrown.details?.['reason'] as string | undefined) ?? thrown.code;
  }
};

// Counts what leaves the inflater itself, whatever our own reader says that it counted.
let inflated = 0;
let most = 0;
const { push } = Gunzip.prototype;
beforeAll(() => {
  const counted = new WeakSet<Gunzip>();
  Gunzip.prototype.push = function (this: Gunzip, chunk, final) {
    if (!counted.has(this)) {
      counted.add(this);
      inflated = 0;
      const { ondata } = this;
      this.ondata = (data, last) => {
        inflated += data.length;
        most = Math.max(most, inflated);
        ondata(data, last);
      };
    }
    return push.call(this, chunk, final);
  };
});
afterAll(() => {
  Gunzip.prototype.push = push;
});
beforeEach(() => {
  most = 0;
});

/** Entries that differ only by a number are one test. */
const groups = new Map<string, Hostile[]>();
for (const hostile of hostileSnapshots()) {
  const group = hostile.name.replace(/^(cut at|flip) \d.*/, '$1 many places');
  groups.set(group, [...(groups.get(group) ?? []), hostile]);
}

describe('a hostile snapshot is refused with its type, and nothing of it is kept', () => {
  test.each([...groups])('%s', async (_name, entries) => {
    for (const hostile of entries) {
      const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes: 100_000_000 });
      const outcome = await outcomeOf(hostile, opener);
      if (typeof hostile.outcome === 'string') expect([hostile.name, outcome]).toEqual([hostile.name, hostile.outcome]);
      else expect(outcome).toMatch(hostile.outcome);
      if (outcome !== 'accepted') expect(opener.held()).toEqual([]);
    }
    expect(most).toBeLessThanOrEqual(limits.maxBytes + sliceBytes);
  });

  test('the corpus has all that it says', () => {
    const names = hostileSnapshots().map(({ name }) => name);
    expect(new Set(names).size).toBeGreaterThan(1_200);
  });
});
