import type { SealedSecret } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const secret = (name: string, change: Partial<SealedSecret> = {}): SealedSecret => ({
  tenant: 'default',
  name,
  keyId: 'k1',
  sealed: new Uint8Array([0, 255, 128, name.length]),
  updatedAt: 1_000,
  updatedBy: 'ann',
  ...change,
});

const labelOf = ({ sealed: _sealed, ...label }: SealedSecret): Omit<SealedSecret, 'sealed'> => label;

/** Conformance of the sealed secrets. */
export const describeSecretStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: sealed secret store`, () => {
    const harness = useHarness(make);

    test('gives back what was sealed, the latest of a name, to its tenant only', async () => {
      const { sealedSecrets } = await harness.open();
      await sealedSecrets.put(secret('KEY'));
      expect(await sealedSecrets.read('default', 'KEY')).toEqual(secret('KEY'));
      const next = secret('KEY', { sealed: new Uint8Array([7]), updatedAt: 2_000, updatedBy: 'bob', keyId: 'k2' });
      await sealedSecrets.put(next);
      expect(await sealedSecrets.read('default', 'KEY')).toEqual(next);
      expect(await sealedSecrets.read('default', 'OTHER')).toBeUndefined();
      expect(await sealedSecrets.read('other', 'KEY')).toBeUndefined();
    });

    test('lists the secrets of a tenant by name, without what was sealed', async () => {
      const { sealedSecrets } = await harness.open();
      for (const one of ['B', 'A', 'C']) await sealedSecrets.put(secret(one));
      await sealedSecrets.put(secret('D', { tenant: 'other' }));
      expect(await sealedSecrets.list('default')).toEqual(['A', 'B', 'C'].map((one) => labelOf(secret(one))));
      expect(await sealedSecrets.list('nobody')).toEqual([]);
    });

    test('finds what another key sealed, whatever the tenant, a few at a time', async () => {
      const { sealedSecrets } = await harness.open();
      for (const one of ['A', 'B']) await sealedSecrets.put(secret(one));
      await sealedSecrets.put(secret('C', { tenant: 'other', keyId: 'k0' }));
      await sealedSecrets.put(secret('D', { keyId: 'k2' }));
      const others = await sealedSecrets.listSealedByOthers('k2', 9);
      expect(others.map((one) => one.name).toSorted()).toEqual(['A', 'B', 'C']);
      expect(others.find((one) => one.name === 'A')).toEqual(secret('A'));
      expect(await sealedSecrets.listSealedByOthers('k2', 2)).toHaveLength(2);
    });

    test('is sealed anew only as it was seen: who wrote meanwhile is not overwritten', async () => {
      const { sealedSecrets } = await harness.open();
      const seen = secret('KEY');
      const next = secret('KEY', { keyId: 'k2', sealed: new Uint8Array([1, 2]) });
      expect(await sealedSecrets.replace(next, seen)).toBe(false);
      await sealedSecrets.put(seen);
      expect(await sealedSecrets.replace(next, seen)).toBe(true);
      expect(await sealedSecrets.read('default', 'KEY')).toEqual(next);
      const written = secret('KEY', { sealed: new Uint8Array([9]), updatedAt: 5_000 });
      await sealedSecrets.put(written);
      expect(await sealedSecrets.replace(secret('KEY', { keyId: 'k3' }), next)).toBe(false);
      expect(await sealedSecrets.read('default', 'KEY')).toEqual(written);
    });

    test('a removed secret is gone, and may be removed again', async () => {
      const { sealedSecrets } = await harness.open();
      await sealedSecrets.put(secret('KEY'));
      await sealedSecrets.remove('other', 'KEY');
      expect(await sealedSecrets.read('default', 'KEY')).toBeDefined();
      await sealedSecrets.remove('default', 'KEY');
      await sealedSecrets.remove('default', 'KEY');
      expect(await sealedSecrets.read('default', 'KEY')).toBeUndefined();
    });

    test('later changes by a caller do not reach the store', async () => {
      const { sealedSecrets } = await harness.open();
      const mine = secret('KEY');
      await sealedSecrets.put(mine);
      mine.sealed[0] = 9;
      const read = await sealedSecrets.read('default', 'KEY');
      expect(read).toEqual(secret('KEY'));
      if (read !== undefined) read.sealed[0] = 9;
      expect(await sealedSecrets.read('default', 'KEY')).toEqual(secret('KEY'));
    });

    durableTest(harness, 'secrets survive a restart', async (reopen) => {
      const { sealedSecrets } = await harness.open();
      await sealedSecrets.put(secret('KEY'));
      expect(await (await reopen()).sealedSecrets.read('default', 'KEY')).toEqual(secret('KEY'));
    });
  });
};
