import { type Digest, DomainError, type SnapshotAttachment } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { goodParts, hasher, type LoosePart, limits, seal, skillOf } from '../test/sealed.ts';
import { maxAttachedPartBytes, missingPartsBySize } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { encodePartMember } from './part-member.ts';
import { createSnapshotOpener, type SnapshotFetchers } from './snapshot-opener.ts';

/** A snapshot of these parts, as a coordinator offers it: small parts in envelopes, large ones on their own. */
const offered = (...entries: readonly LoosePart[]) => {
  const sealed = seal(entries);
  const small = (held: readonly Digest[] = []) =>
    sealed.envelope(missingPartsBySize(sealed.manifest, held).small.map((part) => part.digest));
  const member = (digest: Digest) => encodePartMember(sealed.parts.get(digest) as Uint8Array);
  const fetched: string[] = [];
  const fetchers: SnapshotFetchers = {
    fetchEnvelope: async (held) => {
      fetched.push('envelope');
      return small(held);
    },
    fetchPart: async (digest) => {
      fetched.push(sealed.manifest.parts.find((part) => part.digest === digest)?.name ?? 'unknown');
      return member(digest);
    },
  };
  return { ...sealed, small, member, fetchers, fetched, attached: { digest: sealed.digest, envelope: small() } };
};
const soul = (content: string): LoosePart => {
  const id = content.slice(0, 20);
  return { kind: 'soul', name: id, bytes: encodePart('soul', { id, name: '', description: '', content }) };
};
const largeSkill = (name: string): LoosePart => ({
  kind: 'skill',
  name,
  bytes: encodePart('skill', {
    name,
    description: '',
    body: `${name} `.repeat(maxAttachedPartBytes / name.length),
    metadata: {},
    files: [],
  }),
});
const openerOf = (maxCacheBytes = 10_000_000) => createSnapshotOpener({ hasher, limits, maxCacheBytes });
const never: SnapshotFetchers = {
  fetchEnvelope: () => Promise.reject(new Error('fetched an envelope')),
  fetchPart: () => Promise.reject(new Error('fetched a part')),
};
const cancelled = new DomainError('cancelled', 'the run of this task was cancelled');

describe('opening a snapshot', () => {
  test('gives the same stores while it is in the cache', async () => {
    const one = offered(...goodParts);
    const opener = openerOf();
    const stores = await opener.open(one.attached, never);
    expect(await opener.open({ digest: one.digest }, never)).toBe(stores);
    expect([...opener.held()].sort()).toEqual([...one.parts.keys(), one.digest].sort());
  });

  test('fetches what was not attached, naming what it holds, and large parts one by one', async () => {
    const opener = openerOf();
    const shared = soul('shared');
    const first = offered(shared);
    await opener.open(first.attached, never);
    const two = offered(shared, soul('new'), largeSkill('b'), largeSkill('a'));
    const asked: (readonly Digest[])[] = [];
    let open = 0;
    const stores = await opener.open(
      { digest: two.digest },
      {
        fetchEnvelope: async (held) => {
          asked.push(held);
          return two.small(held);
        },
        fetchPart: async (digest) => {
          expect(++open).toBe(1);
          const bytes = await two.fetchers.fetchPart(digest);
          open -= 1;
          return bytes;
        },
      },
    );
    expect(stores.digest).toBe(two.digest);
    expect(asked).toEqual([[...first.parts.keys(), first.digest]]);
    expect(two.fetched).toEqual(['a', 'b']);
    expect(new Set(opener.held())).toEqual(
      new Set([...first.parts.keys(), first.digest, ...two.parts.keys(), two.digest]),
    );
  });

  test('transfers a part once, however many tasks and snapshots want it at the same time', async () => {
    const opener = openerOf();
    const [left, right] = [offered(soul('left'), largeSkill('big')), offered(soul('right'), largeSkill('big'))];
    const tasks = Array.from({ length: 8 }, (_, index) => {
      const one = index % 2 === 0 ? left : right;
      const attachment: SnapshotAttachment = index < 4 ? one.attached : { digest: one.digest };
      return opener.open(attachment, { ...left.fetchers, fetchEnvelope: one.fetchers.fetchEnvelope });
    });
    const stores = await Promise.all(tasks);
    expect(new Set(stores).size).toBe(2);
    expect(left.fetched.filter((name) => name === 'big')).toEqual(['big']);
  });

  test('shares one fetch, but not its failure: the end of the task that fetches fails no other', async () => {
    for (const failing of ['fetchEnvelope', 'fetchPart'] as const) {
      const opener = openerOf();
      const one = offered(soul('calm'), largeSkill('big'));
      let failFirst = (_error: Error): void => undefined;
      let began = (): void => undefined;
      const fetching = new Promise<void>((resolve) => (began = resolve));
      const first = opener.open(
        { digest: one.digest },
        {
          ...one.fetchers,
          [failing]: () => {
            began();
            return new Promise((_, reject) => (failFirst = reject));
          },
        },
      );
      const others = [1, 2, 3].map(() => opener.open({ digest: one.digest }, one.fetchers));
      await fetching;
      failFirst(cancelled);
      await expect(first).rejects.toBe(cancelled);
      for (const stores of await Promise.all(others)) expect(stores.digest).toBe(one.digest);
      // Who goes on after a lost part asks for the manifest again, but for no part that came.
      expect(one.fetched.filter((name) => name === 'envelope')).toHaveLength(failing === 'fetchPart' ? 2 : 1);
      expect(one.fetched.filter((name) => name === 'big')).toHaveLength(1);
      expect((await opener.open({ digest: one.digest }, never)).digest).toBe(one.digest);
    }
  });

  test.each(['fetchEnvelope', 'fetchPart'] as const)(
    'ends at its own abort while another task is at %s, which that finishes for itself',
    async (slow) => {
      const opener = openerOf();
      const one = offered(soul('calm'), largeSkill('big'));
      let goOn = (): void => undefined;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      const slowly: SnapshotFetchers = {
        fetchEnvelope: async (held) => {
          if (slow === 'fetchEnvelope') await gate;
          return one.fetchers.fetchEnvelope(held);
        },
        fetchPart: async (digest) => {
          if (slow === 'fetchPart') await gate;
          return one.fetchers.fetchPart(digest);
        },
      };
      const abort = new AbortController();
      const first = opener.open({ digest: one.digest }, slowly);
      const waiting = opener.open({ digest: one.digest }, never, abort.signal);
      const other = offered(soul('kind'), largeSkill('big'));
      const sharing = opener.open(other.attached, never, abort.signal);
      abort.abort(cancelled);
      await expect(waiting).rejects.toBe(cancelled);
      await expect(sharing).rejects.toBe(cancelled);
      await expect(opener.open({ digest: one.digest }, never, abort.signal)).rejects.toBe(cancelled);
      goOn();
      expect((await first).digest).toBe(one.digest);
      expect((await opener.open({ digest: one.digest }, never)).digest).toBe(one.digest);
    },
  );

  test('ends at its own abort while it fetches itself, also when what it fetches with goes on', async () => {
    const opener = openerOf();
    const one = offered(soul('calm'));
    const abort = new AbortController();
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const slowly: SnapshotFetchers = { ...never, fetchEnvelope: () => gate.then(() => one.small()) };
    const first = opener.open({ digest: one.digest }, slowly, abort.signal);
    const other = opener.open({ digest: one.digest }, never);
    abort.abort(cancelled);
    await expect(first).rejects.toBe(cancelled);
    goOn();
    expect((await other).digest).toBe(one.digest);
  });

  test('fails each task with its own error when no fetch succeeds, and a later one may', async () => {
    const opener = openerOf();
    const one = offered(soul('calm'));
    const opening = ['a', 'b'].map((name) =>
      opener.open({ digest: one.digest }, { ...never, fetchEnvelope: () => Promise.reject(new Error(name)) }),
    );
    expect((await Promise.allSettled(opening)).map((end) => (end as PromiseRejectedResult).reason.message)).toEqual([
      'a',
      'b',
    ]);
    expect((await opener.open({ digest: one.digest }, one.fetchers)).digest).toBe(one.digest);
  });

  test('keeps the parts that were verified when the rest fails, so that they need not come again', async () => {
    const opener = openerOf();
    const one = offered(soul('calm'), largeSkill('a'), largeSkill('b'));
    const failing: SnapshotFetchers = {
      ...one.fetchers,
      fetchPart: async (digest) => {
        if (digest === one.manifest.parts.at(-1)?.digest) throw cancelled;
        return one.fetchers.fetchPart(digest);
      },
    };
    await expect(opener.open(one.attached, failing)).rejects.toBe(cancelled);
    expect(opener.held()).toHaveLength(2);
    expect(one.fetched).toEqual(['a']);
    await opener.open(one.attached, one.fetchers);
    expect(one.fetched).toEqual(['a', 'b']);
  });

  test('asks once more for everything when a part left the cache before the answer came', async () => {
    const one = offered(soul('shared'.repeat(100)), soul('a'));
    const two = offered(soul('shared'.repeat(100)), soul('b'));
    const large = offered(soul('large'.repeat(300)));
    const opener = openerOf(2_300);
    await opener.open(one.attached, never);
    const asked: number[] = [];
    const stores = await opener.open(
      { digest: two.digest },
      {
        ...never,
        fetchEnvelope: async (held) => {
          asked.push(held.length);
          if (asked.length === 1) await opener.open(large.attached, never);
          return two.small(held);
        },
      },
    );
    expect(stores.digest).toBe(two.digest);
    expect(asked).toEqual([3, 0]);
  });

  test('succeeds with a cache that is too small to hold anything of it', async () => {
    const one = offered(soul('calm'), largeSkill('a'), largeSkill('b'));
    for (const size of [0, 100, maxAttachedPartBytes * 1.5]) {
      const opener = openerOf(size);
      const stores = await opener.open({ digest: one.digest }, one.fetchers);
      expect(stores.skill(hasher.digest(largeSkill('a').bytes)).body).toContain('a a a');
    }
  });

  test('keeps stores ready only within its bound, however much their snapshots share', async () => {
    const shared = soul('shared '.repeat(1_000));
    const snapshots = Array.from({ length: 30 }, (_, index) => offered(shared, soul(`line ${index}`)));
    const opener = openerOf(100_000);
    const opened: unknown[] = [];
    for (const { digest, small } of snapshots) {
      opened.push(await opener.open({ digest, envelope: small(opener.held()) }, never));
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

  test('reads large texts when they are asked for, also when the snapshot has left the cache', async () => {
    const body = `${'long \u{1f600} text\n'.repeat(2_000)}"end"`;
    const one = offered({ kind: 'skill', name: 'deploy', bytes: skillOf([{ path: 'big.txt', content: body }], body) });
    const opener = openerOf(100_000);
    const stores = await opener.open({ digest: one.digest, envelope: one.envelope() }, never);
    const skill = stores.skill([...one.parts.keys()][0] as Digest);
    const other = offered(soul('x'.repeat(99_000)));
    await opener.open({ digest: other.digest, envelope: other.envelope() }, never);
    expect(opener.held()).not.toContain(one.digest);
    expect(skill.body).toBe(body);
    expect(skill.files[0]).toEqual({ path: 'big.txt', mode: 0o644, encoding: 'utf8', content: body });
    expect(() => Object.assign(skill, { body: 'other' })).toThrow(TypeError);
  });

  test('is refused, not replaced, when the bytes are of another digest', async () => {
    const one = offered(...goodParts);
    const opener = openerOf();
    const opening = opener.open({ ...one.attached, digest: 'sha256:'.padEnd(71, '1') }, never);
    await expect(opening).rejects.toMatchObject({ code: 'digest_mismatch' });
    expect(opener.held()).toEqual([]);
  });

  test('is not changed by whoever gave the bytes, or got them', async () => {
    // Bytes of its own: those of `goodParts` are shared by all tests.
    const one = offered(...goodParts.map((part) => ({ ...part, bytes: part.bytes.slice() })));
    const opener = openerOf();
    const envelope = one.small();
    const stores = await opener.open({ digest: one.digest, envelope }, never);
    envelope.fill(0);
    const [held] = [...one.parts.values()];
    held?.fill(0);
    expect(stores.memory()).toEqual([{ scope: 'global', revision: 2, text: 'remember' }]);
    expect((await opener.open({ digest: one.digest }, never)).memory()[0]?.text).toBe('remember');
  });
});
