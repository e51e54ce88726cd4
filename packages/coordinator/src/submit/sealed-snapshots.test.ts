import type { Digest, Manifest } from '@skein/domain';
import { defaultSnapshotLimits as limits } from '@skein/domain';
import type { SnapshotStore } from '@skein/ports';
import { encodeEnvelope, encodePart, encodePartMember, formatOf, makeManifest, snapshotFormats } from '@skein/snapshot';
import { createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { type SealedSnapshot, SealedSnapshots } from './sealed-snapshots.ts';

const hasher = createNodeHasher();
const format = formatOf(1, snapshotFormats);

/** A snapshot of souls with so many bytes each, and nothing that refers to them. */
const sealedOf = (...sizes: readonly number[]): SealedSnapshot => {
  const parts = new Map<Digest, Uint8Array>();
  const entries = sizes.map((size, index) => {
    const id = `soul${index}`;
    const bytes = encodePart('soul', { id, name: '', description: '', content: `${index} `.repeat(size / 2) });
    const digest = hasher.digest(bytes);
    parts.set(digest, bytes);
    return { kind: 'soul', name: id, size: bytes.length, digest, askedBy: ['d/s'] } as const;
  });
  const manifest: Manifest = makeManifest(entries);
  return { digest: hasher.digest(JSON.stringify(manifest)), manifest, parts };
};

const noStore = {} as SnapshotStore;

const counted = () => {
  let pauses = 0;
  const snapshots = new SealedSnapshots(noStore, async () => {
    pauses += 1;
  });
  return { snapshots, pauses: () => pauses };
};

test('a large part is packed in slices, once for all who ask at the same time', async () => {
  const { snapshots, pauses } = counted();
  const sealed = sealedOf(2_000_000);
  const [part] = sealed.manifest.parts;
  const members = await Promise.all(Array.from({ length: 8 }, () => snapshots.member(sealed, part?.digest as Digest)));
  expect(new Set(members).size).toBe(1);
  expect(pauses()).toBe(15);
  expect(Buffer.compare(members[0] as Uint8Array, encodePartMember(sealed.parts.get(part?.digest as Digest)!))).toBe(0);
  expect(await snapshots.member(sealed, part?.digest as Digest)).toBe(members[0]);
  expect(pauses()).toBe(15);
});

test('an envelope that takes long to pack holds up no offer: who asks for it gets it, packed in slices and once', async () => {
  const { snapshots, pauses } = counted();
  const sealed = sealedOf(...Array.from({ length: 20 }, () => 60_000));
  const digests = sealed.manifest.parts.map(({ digest }) => digest);
  expect(snapshots.attachment(sealed, sealed.manifest.parts, format)).toBeUndefined();
  const [one, two] = await Promise.all([
    snapshots.packed(sealed, digests, format),
    snapshots.packed(sealed, digests, format),
  ]);
  expect(one).toBe(two);
  const taken = pauses();
  expect(taken).toBeGreaterThan(8);
  expect(taken).toBeLessThan(13);
  expect(Buffer.compare(one, encodeEnvelope(sealed.manifest, sealed.parts, limits))).toBe(0);
  // From now on it is at hand.
  expect(snapshots.attachment(sealed, sealed.manifest.parts, format)).toBe(one);
  const few = sealed.manifest.parts.slice(0, 3);
  expect(snapshots.attachment(sealed, few, format)?.byteLength).toBeGreaterThan(0);
  expect(pauses()).toBe(taken);
});

test('a failure to pack is told to all who asked, and forgotten', async () => {
  const { snapshots } = counted();
  const sealed = sealedOf(10, 20);
  const lacking = { ...sealed, parts: new Map([...sealed.parts].slice(1)) };
  const digests = sealed.manifest.parts.map(({ digest }) => digest);
  const asking = [1, 2].map(() => snapshots.packed(lacking, digests, format));
  for (const call of asking) await expect(call).rejects.toMatchObject({ details: { reason: 'missing_part' } });
  expect((await snapshots.packed(sealed, digests, format)).byteLength).toBeGreaterThan(0);
});
