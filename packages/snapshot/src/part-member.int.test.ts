import { describe, expect, test } from 'vitest';
import { flippedOutcome, hostileMembers } from '../test/hostile-snapshots.ts';
import { hasher, type LoosePart, limits, seal } from '../test/sealed.ts';
import { maxAttachedPartBytes } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { decodePartMember, encodePartMember } from './part-member.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

const body = 'a line of a large skill\n'.repeat((maxAttachedPartBytes / 20) * 3);
const large: LoosePart = {
  kind: 'skill',
  name: 'large',
  bytes: encodePart('skill', { name: 'large', description: '', body, metadata: {}, files: [] }),
};
const sealed = seal([large]);
const [part] = sealed.manifest.parts;
if (part === undefined) throw new Error('no part');
const deps = { hasher, limits };

describe('a part on its own', () => {
  test('comes back whole, and is the same bytes each time', () => {
    const member = encodePartMember(large.bytes);
    expect(Buffer.compare(decodePartMember(member, part, deps), large.bytes)).toBe(0);
    expect(encodePartMember(large.bytes)).toEqual(member);
    expect(hasher.digest(member)).toMatchInlineSnapshot(
      `"sha256:ac35f6c9cce05ce11869249e1253f3e8333ad53432f1ee9b9964b6d69670bae8"`,
    );
  });

  test('is bounded by the size that the manifest says, not by the limit', () => {
    const longer = encodePartMember(new Uint8Array(part.size + 1));
    expect(() => decodePartMember(longer, part, deps)).toThrow(
      expect.objectContaining({ code: 'too_large', details: expect.objectContaining({ limit: part.size }) as object }),
    );
    expect(() => decodePartMember(new Uint8Array(2 * part.size), part, deps)).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
    const tooLarge = { ...part, size: limits.maxPartBytes + 1 };
    expect(() => decodePartMember(longer, tooLarge, deps)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  test('that is hostile is refused with its type, and nothing of it is kept', async () => {
    for (const { name, outcome, make } of hostileMembers(large.bytes)) {
      const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes: 10_000_000 });
      const opening = opener.open(
        { digest: sealed.digest, envelope: sealed.envelope([]) },
        { fetchEnvelope: () => Promise.reject(new Error('fetched')), fetchPart: async () => make() },
      );
      const ended = await opening.then(
        () => 'accepted',
        (thrown: { code?: string; details?: { reason?: string } }) => thrown.details?.reason ?? thrown.code,
      );
      if (typeof outcome === 'string') expect([name, ended]).toEqual([name, outcome]);
      else expect(ended).toMatch(flippedOutcome);
      if (ended !== 'accepted') expect(opener.held()).toEqual([]);
    }
  });
});
