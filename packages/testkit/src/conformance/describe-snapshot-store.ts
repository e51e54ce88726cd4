import type { Digest, Manifest } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { createNodeHasher } from '../node-hasher.ts';
import { digestOf } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const hasher = createNodeHasher();

const sealed = (...texts: readonly string[]) => {
  const parts = new Map<Digest, Uint8Array>();
  const listed = texts.map((text, index) => {
    const bytes = new TextEncoder().encode(text);
    const digest = hasher.digest(bytes);
    parts.set(digest, bytes);
    return { kind: 'soul', name: `s${index}`, size: bytes.length, digest, askedBy: ['demo/a'] } as const;
  });
  const manifest: Manifest = { formatVersion: 1, parts: listed };
  return { digest: hasher.digest(JSON.stringify(manifest)), manifest, parts };
};

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
