import { describe, expect, test } from 'vitest';
import { createNodeHasher } from '../node-hasher.ts';
import { digestOf } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const hasher = createNodeHasher();

/** Conformance of the blob store. */
export const describeBlobStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: blob store`, () => {
    const harness = useHarness(make);

    test.each([0, 1, 40_000, 3_000_000])('gives back %i bytes under their digest', async (size) => {
      const { blobs } = await harness.open();
      const bytes = new Uint8Array(size).map((_, index) => (index * 31) % 251);
      const digest = await blobs.put('default', bytes);
      expect(digest).toBe(hasher.digest(bytes));
      const back = await blobs.get('default', digest);
      expect(hasher.digest(back)).toBe(digest);
      expect(await blobs.has('default', digest)).toBe(true);
    });

    test('puts the same bytes once, also concurrently', async () => {
      const { blobs } = await harness.open();
      const bytes = new Uint8Array([1, 2, 3]);
      const digests = await Promise.all(Array.from({ length: 20 }, () => blobs.put('default', bytes)));
      expect(new Set(digests).size).toBe(1);
      expect(await blobs.get('default', digests[0] as string)).toEqual(bytes);
    });

    test('a blob is unknown until it is put, and stays unknown to other tenants', async () => {
      const { blobs } = await harness.open();
      await expect(blobs.get('default', digestOf(1))).rejects.toMatchObject({ code: 'not_found' });
      const digest = await blobs.put('default', new Uint8Array([9]));
      expect(await blobs.has('other', digest)).toBe(false);
      await expect(blobs.get('other', digest)).rejects.toMatchObject({ code: 'not_found' });
    });

    test.each(['../../etc/passwd', 'sha256:../../../etc/passwd', 'sha256:', '', 'md5:00'])(
      'no digest leads out of the store: %j is just unknown',
      async (digest) => {
        const { blobs } = await harness.open();
        expect(await blobs.has('default', digest)).toBe(false);
        await expect(blobs.get('default', digest)).rejects.toMatchObject({ code: 'not_found' });
      },
    );

    test('later changes by a caller do not reach the store', async () => {
      const { blobs } = await harness.open();
      const bytes = new Uint8Array([1, 2, 3]);
      const digest = await blobs.put('default', bytes);
      bytes[0] = 9;
      const back = await blobs.get('default', digest);
      back[1] = 9;
      expect(await blobs.get('default', digest)).toEqual(new Uint8Array([1, 2, 3]));
    });

    durableTest(harness, 'a blob survives a restart', async (reopen) => {
      const { blobs } = await harness.open();
      const digest = await blobs.put('default', new Uint8Array([5]));
      expect(await (await reopen()).blobs.get('default', digest)).toEqual(new Uint8Array([5]));
    });
  });
};
