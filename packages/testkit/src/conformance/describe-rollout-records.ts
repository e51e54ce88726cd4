import type { RolloutExposure, RolloutRecord } from '@skein/domain';
import { beforeEach, describe, expect, test } from 'vitest';
import { agentOf, publication } from './project-fixtures.ts';
import { changeTo, ending, exposing, nextRevision, publishTwo, rolloutEvent, rolloutOf } from './rollout-fixtures.ts';
import { creating } from './run-fixtures.ts';
import { durableTest, type MakeHarness, type StoresUnderTest, useHarness } from './store-harness.ts';

const terminal = ['completed', 'rolled_back', 'cancelled'] as const;

/** Conformance of a `RolloutStore`: the records. */
export const describeRolloutRecords = (name: string, make: MakeHarness): void => {
  describe(`RolloutStore of ${name}: records`, () => {
    const harness = useHarness(make);
    let stores: StoresUnderTest;
    let versions = { stable: '', candidate: '' };
    let first: RolloutRecord;
    const insert = (record: RolloutRecord) => stores.rollouts.insert(changeTo(record, 'created'));
    const find = (id = 'rol_1') => stores.rollouts.find('default', id);

    beforeEach(async () => {
      stores = await harness.open();
      versions = await publishTwo(stores);
      first = rolloutOf(versions);
    });

    test('a record comes back as it was written, with its event, and the project has changed', async () => {
      const before = await stores.projects.revision('default');
      expect(await insert(first)).toEqual({ status: 'inserted' });
      expect(await find()).toEqual(first);
      expect(await stores.projects.revision('default')).toBe(before + 1);
      expect(await stores.rollouts.readEvents('default', 0, 9)).toEqual({
        events: [{ ...rolloutEvent(first, 'created'), seq: 1 }],
        nextSeq: 1,
      });
      expect(await stores.rollouts.find('other', 'rol_1')).toBeUndefined();
      expect(await find('rol_2')).toBeUndefined();
    });

    durableTest(harness, 'a record and its event survive a close', async (reopen) => {
      await insert(first);
      stores = await reopen();
      expect(await find()).toEqual(first);
      expect((await stores.rollouts.readEvents('default', 0, 9)).events).toHaveLength(1);
    });

    test('[defect 3] a live record has no end, and an ended one has the instant it was given', async () => {
      await insert(first);
      expect(Object.keys((await find()) ?? {})).not.toContain('completedAt');
      const end = ending(first, 'rolled_back', { completedAt: 4_321 });
      await stores.rollouts.update(end);
      expect((await find())?.completedAt).toBe(4_321);
    });

    test('[defect 30] instants are those of the caller, never the present', async () => {
      const at = { createdAt: 12, startedAt: 13, updatedAt: 14, stepStartedAt: 15, horizonAt: 16 };
      await insert({ ...first, ...at });
      expect(await find()).toMatchObject(at);
      await stores.rollouts.update(ending(first, 'rolled_back', { updatedAt: 20, completedAt: 21 }));
      expect(await find()).toMatchObject({ updatedAt: 20, completedAt: 21 });
      expect((await stores.rollouts.rolledBack('default', 'triage')).map(({ at }) => at)).toEqual([21]);
    });

    test('[defect 14] [defect 16] what was read is the reader’s own, its arrays and instants too', async () => {
      await insert(first);
      const [read] = await stores.rollouts.listLive('default');
      spoil(read);
      for (const list of [stores.rollouts.listTended(), stores.rollouts.listLive('default')]) spoil((await list)[0]);
      spoil((await stores.rollouts.list('default', undefined, 0, 9)).rollouts[0]);
      spoil(await find());
      const conflict = await insert({ ...first, id: 'rol_2' });
      spoil('current' in conflict ? conflict.current : undefined);
      expect(await find()).toEqual(first);
    });

    test('[defect 15] what was inserted is no longer the caller’s', async () => {
      const given = structuredClone(first);
      const change = changeTo(given, 'created');
      await stores.rollouts.insert(change);
      spoil(given);
      (change.event.explanation.data as { revision: number }).revision = 99;
      expect(await find()).toEqual(first);
      expect((await stores.rollouts.readEvents('default', 0, 9)).events[0]?.explanation.data).toEqual({ revision: 1 });
    });

    test('[defect 17] [defect 18] what was updated is no longer the caller’s: neither its arrays nor its end', async () => {
      await insert(first);
      const end = structuredClone(ending(first, 'cancelled'));
      await stores.rollouts.update(end);
      const kept = structuredClone(end.record);
      spoil(end.record);
      (end.record as { completedAt?: number }).completedAt = 1;
      expect(await find()).toEqual(kept);
    });

    test('[defect 23] an id that exists is refused, whatever its rollout is', async () => {
      await insert(first);
      const end = ending(first, 'cancelled');
      await stores.rollouts.update(end);
      expect(await insert({ ...first, agentId: 'triage' })).toEqual({ status: 'conflict', current: end.record });
      expect(await find()).toEqual(end.record);
    });

    test('[defect 21] [defect 22] an agent has one live rollout, active or paused, and the answer shows it (I1, O1)', async () => {
      await insert(first);
      expect(await insert({ ...first, id: 'rol_2' })).toEqual({ status: 'conflict', current: first });
      const paused = nextRevision(first, { status: 'paused' });
      await stores.rollouts.update(changeTo(paused, 'paused'));
      expect(await insert({ ...first, id: 'rol_2' })).toEqual({ status: 'conflict', current: paused });
      expect(await find('rol_2')).toBeUndefined();
      expect((await stores.rollouts.readEvents('default', 0, 9)).events).toHaveLength(2);
      await stores.rollouts.update(ending(paused, 'cancelled'));
      expect(await insert({ ...first, id: 'rol_2' })).toEqual({ status: 'inserted' });
      expect(await stores.rollouts.listLive('default')).toEqual([{ ...first, id: 'rol_2' }]);
    });

    test('other agents and other tenants have rollouts of their own', async () => {
      await insert(first);
      const others = await publishTwo(stores, 'writer');
      expect(await insert(rolloutOf(others, { id: 'rol_2', agentId: 'writer' }))).toEqual({ status: 'inserted' });
      const theirs = await publishTwo(stores, 'triage', 'acme');
      const other = rolloutOf(theirs, { tenant: 'acme' });
      expect(await insert(other)).toEqual({ status: 'inserted' });
      expect((await stores.rollouts.listLive('default')).map(({ id }) => id)).toEqual(['rol_1', 'rol_2']);
      expect(await stores.rollouts.listLive('acme')).toEqual([other]);
      expect((await stores.rollouts.listLive('default', 'writer')).map(({ id }) => id)).toEqual(['rol_2']);
      expect(await stores.rollouts.listLive('acme', 'writer')).toEqual([]);
    });

    test('drafts do not count as live; of two drafts one is activated, and the other is told of it', async () => {
      const drafts = ['rol_1', 'rol_2'].map((id) => ({ ...first, id, status: 'draft' as const }));
      for (const draft of drafts) expect(await insert(draft)).toEqual({ status: 'inserted' });
      expect(await stores.rollouts.listLive('default')).toEqual([]);
      const [a, b] = drafts.map((draft) => nextRevision(draft, { status: 'active' })) as [RolloutRecord, RolloutRecord];
      expect(await stores.rollouts.update(changeTo(a, 'activated'))).toEqual({ status: 'updated' });
      expect(await stores.rollouts.update(changeTo(b, 'activated'))).toEqual({ status: 'conflict', current: a });
      expect(await find('rol_2')).toEqual(drafts[1]);
    });

    test('a rollout whose stable version is not active is refused as stale, at its start and at the end of its draft', async () => {
      expect(await insert({ ...first, stableVersionId: versions.candidate })).toMatchObject({ status: 'stale' });
      expect(await find()).toBeUndefined();
      const draft = { ...first, status: 'draft' as const };
      await insert(draft);
      await stores.projects.activate('default', 'triage', versions.candidate);
      const begun = changeTo(nextRevision(draft, { status: 'active' }), 'activated');
      expect(await stores.rollouts.update(begun)).toEqual({ status: 'stale', current: draft });
      expect(await find()).toEqual(draft);
      expect((await stores.rollouts.readEvents('default', 0, 9)).nextSeq).toBe(1);
    });

    test('[g12.13] [defect 50] of 100 concurrent starts exactly one wins, and all others are told who', async () => {
      const records = Array.from({ length: 100 }, (_, index) => ({ ...first, id: `rol_${index}` }));
      const outcomes = await Promise.all(records.map(insert));
      const winner = records[outcomes.findIndex(({ status }) => status === 'inserted')];
      expect(outcomes.filter(({ status }) => status === 'inserted')).toHaveLength(1);
      expect(outcomes.filter(({ status }) => status === 'conflict')).toEqual(
        Array.from({ length: 99 }, () => ({ status: 'conflict', current: winner })),
      );
      expect(await stores.rollouts.listLive('default')).toEqual([winner]);
    });

    test('[defect 51] [defect 4] a write from a revision that has moved is a conflict with the record as it is (I2)', async () => {
      await insert(first);
      const one = nextRevision(first, { onNoData: 'ignore' });
      const two = nextRevision(first, { onNoData: 'rollback' });
      expect(await stores.rollouts.update(changeTo(one))).toEqual({ status: 'updated' });
      expect(await stores.rollouts.update(changeTo(two))).toEqual({ status: 'conflict', current: one });
      const skipping = { ...nextRevision(one), revision: 4 };
      expect(await stores.rollouts.update(changeTo(skipping))).toEqual({ status: 'conflict', current: one });
      expect(await find()).toEqual(one);
    });

    test('[defect 4] concurrent writers of one revision: one wins, and each loser reads what it lost to (I2)', async () => {
      await insert(first);
      let current = first;
      for (let round = 0; round < 5; round += 1) {
        const rivals = Array.from({ length: 20 }, (_, by) =>
          nextRevision(current, { lastActor: { actor: `${round}.${by}` } }),
        );
        const outcomes = await Promise.all(rivals.map((record) => stores.rollouts.update(changeTo(record))));
        const winner = rivals[outcomes.findIndex(({ status }) => status === 'updated')] as RolloutRecord;
        expect(outcomes.filter(({ status }) => status === 'updated')).toHaveLength(1);
        expect(outcomes.filter(({ status }) => status === 'conflict')).toEqual(
          Array.from({ length: 19 }, () => ({ status: 'conflict', current: winner })),
        );
        current = winner;
      }
      const { events } = await stores.rollouts.readEvents('default', 0, 99);
      expect(events.map(({ seq, revision }) => [seq, revision])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [n, n]));
    });

    test.each(terminal)('[defect 24] [defect 25] a rollout that is %s never changes again (I3)', async (status) => {
      await insert(first);
      const end = ending(first, status);
      expect(await stores.rollouts.update(end)).toEqual({ status: 'updated' });
      for (const again of [...terminal, 'active', 'paused', 'draft'] as const) {
        const change = changeTo(nextRevision(end.record, { status: again }));
        expect(await stores.rollouts.update(change)).toEqual({ status: 'conflict', current: end.record });
      }
      expect(await find()).toEqual(end.record);
      expect((await stores.rollouts.readEvents('default', 0, 9)).events).toHaveLength(2);
    });

    test('[defect 5] a rollout that is not there is a conflict without a record', async () => {
      expect(await stores.rollouts.update(changeTo(nextRevision(first)))).toEqual({ status: 'conflict' });
    });

    test('[defect 19] [defect 32] lists are newest first, pages count from 0, and 0 per page is all of them', async () => {
      const ids = Array.from({ length: 25 }, (_, index) => `rol_${String(index).padStart(2, '0')}`);
      for (const [index, id] of ids.entries()) {
        await insert({ ...first, id, status: 'draft', createdAt: 1_000 + Math.floor(index / 2) });
      }
      await publishTwo(stores, 'writer');
      const newest = ids.toReversed();
      const page = async (number: number, perPage: number) => {
        const { rollouts, total } = await stores.rollouts.list('default', 'triage', number, perPage);
        expect(total).toBe(25);
        return rollouts.map(({ id }) => id);
      };
      expect(await page(0, 10)).toEqual(newest.slice(0, 10));
      expect(await page(2, 10)).toEqual(newest.slice(20));
      expect(await page(3, 10)).toEqual([]);
      expect(await page(0, 0)).toEqual(newest);
      expect(await stores.rollouts.list('default', undefined, 0, 2)).toMatchObject({ total: 25 });
      expect(await stores.rollouts.list('default', 'writer', 0, 2)).toEqual({ rollouts: [], total: 0 });
    });

    test('an evaluator tends live ones, drafts that wait for a replay, and those whose run policy is still at work', async () => {
      const tended = async () => (await stores.rollouts.listTended()).map(({ id }) => id);
      const gate = { replayId: 'rpl_1', status: 'running' } as const;
      await insert({ ...first, id: 'rol_1', status: 'draft' });
      await insert({ ...first, id: 'rol_2', status: 'draft', replayGate: gate });
      await insert({ ...first, id: 'rol_3' });
      const theirs = await publishTwo(stores, 'triage', 'acme');
      await insert(rolloutOf(theirs, { tenant: 'acme', id: 'rol_0' }));
      expect(await tended()).toEqual(['rol_0', 'rol_2', 'rol_3']);
      const end = ending({ ...first, id: 'rol_3' }, 'rolled_back', { policyPending: true });
      await stores.rollouts.update(end);
      expect(await tended()).toEqual(['rol_0', 'rol_2', 'rol_3']);
    });

    test('[defect 8] nobody is exposed any more once it is over: a run that was admitted before and is leased later is no evidence', async () => {
      const expose = async (runId: string, of: Partial<RolloutExposure>) =>
        stores.runs.append({ ...creating(runId), exposures: [exposing(0, of)] });
      for (const [index, status] of (['rolled_back', 'completed', 'cancelled'] as const).entries()) {
        const rolloutId = `rol_${index + 1}`;
        const record = { ...first, id: rolloutId };
        await insert(record);
        await expose(`run_${index}a`, { rolloutId, unit: 'before' });
        await stores.rollouts.update(ending(record, status, status === 'completed' ? { winner: 0 } : {}));
        await expose(`run_${index}b`, { rolloutId, unit: 'after' });
        const units = await stores.rollouts.readUnits('default', rolloutId, 0, 9);
        expect(units.map(({ unit }) => unit)).toEqual(['before']);
      }
    });

    test('the work of a run policy is done after the end, in one revision more, which takes nothing else', async () => {
      await insert(first);
      const end = ending(first, 'rolled_back', { policyPending: true }).record;
      await stores.rollouts.update(changeTo(end, 'rolled_back'));
      const { policyPending: _, ...settled } = nextRevision(end);
      expect(await stores.rollouts.update(changeTo(settled, 'policy_done'))).toEqual({ status: 'updated' });
      expect(await find()).toEqual(settled);
      expect(await stores.rollouts.listTended()).toEqual([]);
      const again = changeTo(nextRevision(settled), 'policy_done');
      expect(await stores.rollouts.update(again)).toEqual({ status: 'conflict', current: settled });
    });

    test('[defect 26] versions that were rolled back are told with when, until a later rollout of theirs ends well', async () => {
      const third = agentOf('triage', 'three');
      await stores.projects.publish(publication({ agents: [third] }));
      const arms = [...first.arms, { versionId: third.versionId, label: 'third', parts: 0 }];
      await insert({ ...first, arms });
      expect(await stores.rollouts.rolledBack('default', 'triage')).toEqual([]);
      await stores.rollouts.update(ending({ ...first, arms }, 'rolled_back', { completedAt: 2_000 }));
      const told = [versions.candidate, third.versionId].toSorted();
      expect(await stores.rollouts.rolledBack('default', 'triage')).toEqual(
        told.map((versionId) => ({ versionId, at: 2_000, rolloutId: 'rol_1' })),
      );
      expect(await stores.rollouts.rolledBack('default', 'writer')).toEqual([]);
      const second = { ...first, id: 'rol_2' };
      await insert(second);
      await stores.rollouts.update(ending(second, 'completed', { completedAt: 3_000 }));
      expect(await stores.rollouts.rolledBack('default', 'triage')).toEqual([
        { versionId: third.versionId, at: 2_000, rolloutId: 'rol_1' },
      ]);
      await insert({ ...first, id: 'rol_0' });
      await stores.rollouts.update(ending({ ...first, id: 'rol_0' }, 'rolled_back', { completedAt: 4_000 }));
      expect((await stores.rollouts.rolledBack('default', 'triage')).map(({ at }) => at)).toEqual([4_000, 2_000]);
    });

    test('a freeze is one for each agent, raises the revision when it is set and when it is lifted', async () => {
      const before = await stores.projects.revision('default');
      const freeze = { agentId: 'triage', by: 'ann', reason: 'odd', at: 7 };
      await stores.rollouts.setFreeze('default', 'writer', { ...freeze, agentId: 'writer' });
      await stores.rollouts.setFreeze('default', 'triage', { ...freeze, reason: 'first' });
      await stores.rollouts.setFreeze('default', 'triage', freeze);
      expect(await stores.rollouts.listFreezes('default')).toEqual([freeze, { ...freeze, agentId: 'writer' }]);
      expect(await stores.rollouts.listFreezes('acme')).toEqual([]);
      await stores.rollouts.setFreeze('default', 'triage', undefined);
      expect(await stores.rollouts.listFreezes('default')).toEqual([{ ...freeze, agentId: 'writer' }]);
      expect(await stores.projects.revision('default')).toBe(before + 4);
    });
  });
};

/** Changes all that a caller could change by mistake. */
const spoil = (record: RolloutRecord | undefined): void => {
  expect(record).toBeDefined();
  const spoiled = record as unknown as {
    arms: unknown[];
    epochs: { parts: number[] }[];
    memory: object;
    createdAt: number;
  };
  spoiled.arms.length = 0;
  spoiled.epochs[0]?.parts.push(1);
  Object.assign(spoiled.memory, { mode: 'frozen' });
  spoiled.createdAt = 0;
};
