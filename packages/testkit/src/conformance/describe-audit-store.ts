import type { AuditEntry, AuditFilter, AuditStore } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const entry = (index: number, change: Partial<AuditEntry> = {}): AuditEntry => ({
  id: `aud_${String(index).padStart(5, '0')}`,
  tenant: 'default',
  at: 1_000 + index,
  actor: { kind: 'token', id: 'tok_1', name: 'ci' },
  action: 'POST /api/runs',
  outcome: 'done',
  ...change,
});

const idsOf = async (audit: AuditStore, change: Partial<AuditFilter> = {}): Promise<readonly string[]> =>
  (await audit.list({ tenant: 'default', limit: 100, ...change })).items.map(({ id }) =>
    Number(id.slice(4)).toString(),
  );

/** Conformance of the audit log. */
export const describeAuditStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: audit store`, () => {
    const harness = useHarness(make);

    test('keeps entries whole, the newest first', async () => {
      const { audit } = await harness.open();
      const refused = entry(2, {
        actor: { kind: 'worker', id: 'w1' },
        action: 'worker.fetch_blob',
        target: 'run_1',
        outcome: 'permission_denied',
        details: { step: 'build', tried: [1, null, 'ü"'] },
      });
      await audit.append([entry(1), refused]);
      expect(await audit.list({ tenant: 'default', limit: 9 })).toEqual({ items: [refused, entry(1)] });
    });

    test('a repeated id changes nothing; another tenant may have the same', async () => {
      const { audit } = await harness.open();
      await audit.append([entry(1)]);
      await audit.append([entry(1, { outcome: 'other' }), entry(2)]);
      await audit.append([entry(1, { tenant: 'other' })]);
      await audit.append([]);
      expect((await audit.list({ tenant: 'default', limit: 9 })).items).toEqual([entry(2), entry(1)]);
      expect((await audit.list({ tenant: 'other', limit: 9 })).items).toEqual([entry(1, { tenant: 'other' })]);
    });

    test('finds by actor, action, target and age', async () => {
      const { audit } = await harness.open();
      await audit.append([
        entry(1),
        entry(2, { actor: { kind: 'peer', id: 'c2' } }),
        entry(3, { action: 'PUT /api/secrets', target: 'KEY' }),
        entry(4, { target: 'KEY' }),
      ]);
      expect(await idsOf(audit, { actorId: 'c2' })).toEqual(['2']);
      expect(await idsOf(audit, { action: 'PUT /api/secrets' })).toEqual(['3']);
      expect(await idsOf(audit, { target: 'KEY' })).toEqual(['4', '3']);
      expect(await idsOf(audit, { since: 1_003 })).toEqual(['4', '3']);
      expect(await idsOf(audit, { target: 'KEY', actorId: 'tok_1', since: 1_004 })).toEqual(['4']);
    });

    test('pages go on where the one before ended, also among entries of one instant and while new ones come', async () => {
      const { audit } = await harness.open();
      await audit.append(Array.from({ length: 7 }, (_, index) => entry(index, { at: 1_000 + Math.floor(index / 3) })));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await audit.list({ tenant: 'default', limit: 2, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        await audit.append([entry(100 + seen.length, { at: 9_000 })]);
      } while (cursor !== undefined);
      expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((index) => entry(index).id));
    });

    test.each(['', 'x', '12', '99999999999999999999.a'])('refuses the cursor %j that no page gave', async (cursor) => {
      const { audit } = await harness.open();
      await expect(audit.list({ tenant: 'default', limit: 2, cursor })).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    });

    test('takes many at once, and removes by age, whatever the tenant', async () => {
      const { audit } = await harness.open();
      const many = Array.from({ length: 2_500 }, (_, index) => entry(index, { tenant: index % 2 === 0 ? 'a' : 'b' }));
      await audit.append(many);
      await audit.append([entry(1, { at: 9_000 })]);
      expect(await audit.prune(9_000)).toBe(2_500);
      expect(await audit.prune(9_000)).toBe(0);
      expect(await idsOf(audit)).toEqual(['1']);
      expect(await idsOf(audit, { tenant: 'a' })).toEqual([]);
    });

    durableTest(harness, 'entries survive a restart', async (reopen) => {
      const { audit } = await harness.open();
      await audit.append([entry(1)]);
      expect((await (await reopen()).audit.list({ tenant: 'default', limit: 9 })).items).toEqual([entry(1)]);
    });
  });
};
