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

    test('keeps the role of an API token, and what a join token is limited to', async () => {
      const { tokens } = await harness.open();
      const viewer = record(1, { role: 'viewer' });
      const limited = record(2, { kind: 'join', scope: { labels: { zone: 'a' }, maxUses: 3, uses: 0 } });
      for (const one of [viewer, limited]) await tokens.insert(one);
      expect(await tokens.findByHash('hash 1')).toEqual(viewer);
      expect(await tokens.list('default')).toEqual([viewer, limited]);
    });

    test('counts uses up to as many as are allowed, and without end where nothing limits them', async () => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1, { kind: 'join', scope: { maxUses: 2, uses: 0 } }));
      await tokens.insert(record(2, { kind: 'join' }));
      const uses = [];
      for (let index = 0; index < 4; index += 1) uses.push(await tokens.countUse('default', 'tok_1'));
      expect(uses).toEqual([true, true, false, false]);
      expect((await tokens.findByHash('hash 1'))?.scope).toEqual({ maxUses: 2, uses: 2 });
      for (let index = 0; index < 4; index += 1) expect(await tokens.countUse('default', 'tok_2')).toBe(true);
      expect((await tokens.findByHash('hash 2'))?.scope?.uses).toBe(4);
      expect(await tokens.countUse('other', 'tok_2')).toBe(false);
      expect(await tokens.countUse('default', 'tok_9')).toBe(false);
    });

    test('uses at once never exceed what is allowed', async () => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1, { kind: 'join', scope: { maxUses: 7, uses: 0 } }));
      const uses = await Promise.all(Array.from({ length: 30 }, () => tokens.countUse('default', 'tok_1')));
      expect(uses.filter(Boolean)).toHaveLength(7);
    });

    durableTest(harness, 'tokens survive a restart', async (reopen) => {
      const { tokens } = await harness.open();
      await tokens.insert(record(1));
      expect(await (await reopen()).tokens.findByHash('hash 1')).toEqual(record(1));
    });
  });
};
