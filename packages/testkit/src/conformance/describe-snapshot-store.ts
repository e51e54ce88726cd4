import type { Digest } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { describeSnapshotCollection } from './describe-snapshot-collection.ts';
import { describeSnapshotReferences } from './describe-snapshot-references.ts';
import { digestOf } from './run-fixtures.ts';
import { sealed } from './snapshot-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

/** Conformance of the snapshot store. */
export const describeSnapshotStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: snapshot store`, () => {
    const harness = useHarness(make);

    test('saves a manifest with its parts, any number of times', async () => {
      const { snapshots } = await harness.open();
      const { digest, manifest, parts } = sealed('one', 'two');
      expect(await snapshots.find('default', digest)).toBeUndefined();
      await Promise.all([1, 2, 3].map(() => snapshots.save('default', digest, manifest, parts, 1_000)));
      expect(await snapshots.find('default', digest)).toEqual(manifest);
      for (const [part, bytes] of parts) expect(await snapshots.readPart('default', part)).toEqual(bytes);
    });

    test('answers undefined for what is not stored, also in another tenant', async () => {
      const { snapshots } = await harness.open();
      const { digest, manifest, parts } = sealed('one');
      await snapshots.save('default', digest, manifest, parts, 1_000);
      expect(await snapshots.find('other', digest)).toBeUndefined();
      expect(await snapshots.readPart('other', [...parts.keys()][0] as Digest)).toBeUndefined();
      expect(await snapshots.readPart('default', digestOf(8))).toBeUndefined();
    });

    test('refuses a part that is missing or does not match its digest, and then holds nothing under the name', async () => {
      const { snapshots } = await harness.open();
      const { digest, manifest, parts } = sealed('one', 'two');
      const missing = snapshots.save('default', digest, manifest, new Map([...parts].slice(0, 1)), 1_000);
      await expect(missing).rejects.toMatchObject({ code: 'invalid_argument' });
      const damaged = new Map([...parts].map(([part]) => [part, new Uint8Array([1])]));
      await expect(snapshots.save('default', digest, manifest, damaged, 1_000)).rejects.toMatchObject({
        code: 'digest_mismatch',
      });
      expect(await snapshots.find('default', digest)).toBeUndefined();
    });

    test('lists digests by how they begin, sorted, at most so many, of one tenant', async () => {
      const { snapshots } = await harness.open();
      const made = ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => sealed(text));
      for (const { digest, manifest, parts } of made) await snapshots.save('default', digest, manifest, parts, 1_000);
      const other = sealed('theirs');
      await snapshots.save('other', other.digest, other.manifest, other.parts, 1_000);
      const all = made.map(({ digest }) => digest).toSorted();
      expect(await snapshots.listDigests('default', 'sha256:', 10)).toEqual(all);
      expect(await snapshots.listDigests('default', 'sha256:', 2)).toEqual(all.slice(0, 2));
      const prefix = (all[2] as string).slice(0, 9);
      expect(await snapshots.listDigests('default', prefix, 10)).toEqual(all.filter((each) => each.startsWith(prefix)));
      expect(await snapshots.listDigests('default', all[3] as string, 10)).toEqual([all[3]]);
      expect(await snapshots.listDigests('default', 'sha256:%', 10)).toEqual([]);
    });

    describeSnapshotReferences(harness);
    describeSnapshotCollection(harness);

    durableTest(harness, 'a snapshot survives a restart', async (reopen) => {
      const { snapshots } = await harness.open();
      const { digest, manifest, parts } = sealed('one');
      await snapshots.save('default', digest, manifest, parts, 1_000);
      const again = (await reopen()).snapshots;
      expect(await again.find('default', digest)).toEqual(manifest);
      expect(await again.readPart('default', [...parts.keys()][0] as Digest)).toEqual(parts.values().next().value);
    });
  });
};
