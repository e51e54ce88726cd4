import type { TokenRecord } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const record = (index: number, change: Partial<TokenRecord> = {}): TokenRecord => ({
  tokenId: `tok_${index}`,
  tenant: 'default',
  kind: 'api',
  name: `token ${index}`,
  hash: `hash ${index}`,
  createdAt: 1_000 + index,
  ...change,
});

/** Conformance of the token store. */
export const describeTokenStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: token store`, () => {
    const harness = useHarness(make);

    test('finds a token by its hash, whatever its tenant', async () => {
      const { tokens } = await harness.open();
      const other = record(2, { tenant: 'other', kind: 'join', expiresAt: 5_000 });
      await tokens.insert(record(1));
      await tokens.insert(other);
      expect(await tokens.findByHash('hash 1')).toEqual(record(1));
      expect(await tokens.findByHash('hash 2')).toEqual(other);
      expect(await tokens.findByHash('hash 3')).toBeUndefined();
    });

    test('lists the tokens of a tenant, the oldest first', async () => {
      const { tokens } = await harness.open();
      for (const index of [2, 1, 3]) await tokens.insert(record(index));
      await tokens.insert(record(4, { tenant: 'other' }));
      const listed = (await tokens.list('default')).toSorted((a, b) => a.createdAt - b.createdAt);
      expect(listed).toEqual([record(1), record(2), record(3)]);
    });

    test('refuses a token whose id or hash is taken', async () => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1));
      await expect(tokens.insert(record(1, { hash: 'new' }))).rejects.toMatchObject({ code: 'already_exists' });
      await expect(tokens.insert(record(2, { hash: 'hash 1' }))).rejects.toMatchObject({ code: 'already_exists' });
      expect(await tokens.list('default')).toEqual([record(1)]);
    });

    test('takes the same token again for a repetition', async () => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1));
      await tokens.insert(record(1));
      expect(await tokens.list('default')).toEqual([record(1)]);
    });

    test('revokes once, keeps the first instant, and knows no stranger', async () => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1));
      await tokens.revoke('default', 'tok_1', 2_000);
      await tokens.revoke('default', 'tok_1', 3_000);
      expect(await tokens.findByHash('hash 1')).toEqual(record(1, { revokedAt: 2_000 }));
      await expect(tokens.revoke('default', 'tok_9', 1)).rejects.toMatchObject({ code: 'not_found' });
      await expect(tokens.revoke('other', 'tok_1', 1)).rejects.toMatchObject({ code: 'not_found' });
    });

    durableTest(harness, 'tokens survive a restart', async (reopen) => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1));
      expect(await (await reopen()).tokens.findByHash('hash 1')).toEqual(record(1));
    });
  });
};
