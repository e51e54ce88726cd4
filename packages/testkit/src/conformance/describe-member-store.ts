import type { Member } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const member = (coordinatorId: string, change: Partial<Member> = {}): Member => ({
  coordinatorId,
  incarnation: `${coordinatorId}-1`,
  peerAddress: `${coordinatorId}:7201`,
  workerAddress: `${coordinatorId}:7200`,
  facts: ['run_submitted@1', 'step_started@2'],
  startedAt: 1_000,
  leaving: false,
  ...change,
});

/** Conformance of the members of a fleet. */
export const describeMemberStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: member store`, () => {
    const harness = useHarness(make);

    test('a renewal tells who belongs to the fleet, the own row included, as each said of itself', async () => {
      const { members } = await harness.open();
      expect(await members.renew(member('c2'))).toMatchObject([member('c2')]);
      const rows = await members.renew(member('c1', { peerAddress: '', leaving: true, facts: [] }));
      expect(rows.map(({ renewal: _renewal, ...row }) => row)).toEqual([
        member('c1', { peerAddress: '', leaving: true, facts: [] }),
        member('c2'),
      ]);
    });

    test('all rows can be read without joining, with what tells secrets apart', async () => {
      const { members } = await harness.open();
      expect(await members.list()).toEqual([]);
      await members.renew(member('c2', { secretFingerprint: 'ab12' }));
      const rows = await members.renew(member('c1'));
      expect(await members.list()).toEqual(rows);
      expect(rows.map(({ secretFingerprint }) => secretFingerprint)).toEqual([undefined, 'ab12']);
      await members.renew(member('c2', { secretFingerprint: 'cd34' }));
      expect((await members.list())[1]?.secretFingerprint).toBe('cd34');
    });

    test('a renewal rises with each, and stays while its member says nothing', async () => {
      const { members } = await harness.open();
      const [first] = await members.renew(member('c1'));
      const silent = (await members.renew(member('c2'))).find(({ coordinatorId }) => coordinatorId === 'c1');
      expect(silent).toEqual(first);
      const [second] = await members.renew(member('c1'));
      expect(second?.renewal).toBeGreaterThan(first?.renewal ?? Number.POSITIVE_INFINITY);
    });

    test('another incarnation replaces the one before, which can neither leave nor be buried for it', async () => {
      const { members } = await harness.open();
      const [before] = await members.renew(member('c1'));
      const [after] = await members.renew(member('c1', { incarnation: 'c1-2' }));
      expect(after?.renewal).toBeGreaterThan(before?.renewal ?? Number.POSITIVE_INFINITY);
      await members.leave('c1', 'c1-1');
      expect(await members.bury('c1', 'c1-1', after?.renewal ?? 0)).toBe(true);
      expect(await members.renew(member('c2'))).toMatchObject([{ incarnation: 'c1-2' }, { coordinatorId: 'c2' }]);
    });

    test('who leaves is gone, and may leave again', async () => {
      const { members } = await harness.open();
      await members.renew(member('c1'));
      await members.leave('c1', 'c1-1');
      await members.leave('c1', 'c1-1');
      expect(await members.renew(member('c2'))).toMatchObject([{ coordinatorId: 'c2' }]);
    });

    test('a member is buried only while it gave no sign of life since it was seen', async () => {
      const { members } = await harness.open();
      const [seen] = await members.renew(member('c1'));
      const [now] = await members.renew(member('c1'));
      expect(await members.bury('c1', 'c1-1', seen?.renewal ?? 0)).toBe(false);
      expect(await members.bury('c1', 'c1-1', now?.renewal ?? 0)).toBe(true);
      // As often as somebody asks: it is gone.
      expect(await members.bury('c1', 'c1-1', now?.renewal ?? 0)).toBe(true);
      expect(await members.renew(member('c2'))).toMatchObject([{ coordinatorId: 'c2' }]);
    });

    test('a count that somebody saw never comes again, also after the row was buried and written anew', async () => {
      const { members } = await harness.open();
      await members.renew(member('c2'));
      const seen =
        (await members.renew(member('c1'))).find(({ coordinatorId }) => coordinatorId === 'c1')?.renewal ?? 0;
      await members.renew(member('c2'));
      await members.bury('c1', 'c1-1', seen);
      await members.renew(member('c1'));
      expect(await members.bury('c1', 'c1-1', seen)).toBe(false);
    });

    test('any number of members renew at once', async () => {
      const { members } = await harness.open();
      const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
      for (let round = 0; round < 3; round += 1) await Promise.all(names.map((one) => members.renew(member(one))));
      const rows = await members.renew(member('c0'));
      expect(rows.map(({ coordinatorId }) => coordinatorId).toSorted()).toEqual(names.toSorted());
    });

    durableTest(harness, 'members survive a restart', async (reopen) => {
      const { members } = await harness.open();
      await members.renew(member('c1'));
      expect(await (await reopen()).members.renew(member('c2'))).toMatchObject([member('c1'), member('c2')]);
    });
  });
};
