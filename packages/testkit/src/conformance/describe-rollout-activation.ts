import type { RolloutRecord } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import { beforeEach, describe, expect, test } from 'vitest';
import { agentOf, publication, storedDag } from './project-fixtures.ts';
import { changeTo, ending, nextRevision, publishTwo, rolloutOf } from './rollout-fixtures.ts';
import { creating, going, note } from './run-fixtures.ts';
import { sealed } from './snapshot-fixtures.ts';
import { type MakeHarness, type StoresUnderTest, useHarness } from './store-harness.ts';

const conflict = { code: 'version_conflict' };

/** Conformance of a `RolloutStore` and the stores beside it: rollouts and active versions change together. */
export const describeRolloutActivation = (name: string, make: MakeHarness): void => {
  describe(`RolloutStore of ${name}: active versions`, () => {
    const harness = useHarness(make);
    let stores: StoresUnderTest;
    let versions = { stable: '', candidate: '' };
    let first: RolloutRecord;
    const active = async () => (await stores.projects.activeVersion('default', 'triage'))?.versionId;
    const find = () => stores.rollouts.find('default', 'rol_1');
    const events = async () => (await stores.rollouts.readEvents('default', 0, 99)).events.map(({ type }) => type);
    /** Nothing is different from before. */
    const unchanged = async (body: () => Promise<unknown>): Promise<void> => {
      const state = async () => [
        await active(),
        await find(),
        await events(),
        await stores.projects.revision('default'),
      ];
      const before = await state();
      await body();
      expect(await state()).toEqual(before);
    };
    const promoting = (record: RolloutRecord, versionId: string, expected: string): RolloutChange => ({
      ...ending(record, 'completed', { winner: 1 }),
      activates: { versionId, expected },
    });

    beforeEach(async () => {
      stores = await harness.open();
      versions = await publishTwo(stores);
      first = rolloutOf(versions);
      await stores.rollouts.insert(changeTo(first, 'created'));
    });

    test('[defect 47] a promotion changes the rollout and the active version together (I4, O6)', async () => {
      const change = promoting(first, versions.candidate, versions.stable);
      const before = await stores.projects.revision('default');
      expect(await stores.rollouts.update(change)).toEqual({ status: 'updated' });
      expect(await active()).toBe(versions.candidate);
      expect(await find()).toEqual(change.record);
      expect(await events()).toEqual(['created', 'promoted']);
      expect(await stores.projects.revision('default')).toBe(before + 1);
      const [agent] = await stores.projects.listAgents('default');
      expect(agent).toMatchObject({ activeVersionId: versions.candidate });
      expect(Object.keys(agent ?? {})).not.toContain('candidateVersionId');
    });

    test('[defect 47] a promotion over another active version than expected changes nothing at all (I4)', async () => {
      await unchanged(async () => {
        const change = promoting(first, versions.candidate, 'sha256:other');
        expect(await stores.rollouts.update(change)).toEqual({ status: 'stale', current: first });
      });
    });

    test('a promotion of the stable version ends the rollout and leaves the version (I4)', async () => {
      expect(await stores.rollouts.update(promoting(first, versions.stable, versions.stable))).toEqual({
        status: 'updated',
      });
      expect(await active()).toBe(versions.stable);
      expect((await find())?.status).toBe('completed');
    });

    test('a promotion that lost the race does not touch the active version (I4)', async () => {
      await stores.rollouts.update(ending(first, 'rolled_back'));
      await unchanged(async () => {
        const change = promoting(first, versions.candidate, versions.stable);
        expect(await stores.rollouts.update(change)).toMatchObject({ status: 'conflict' });
      });
    });

    test('[defect 36] activating another version cancels the live rollout in the same transaction (I6)', async () => {
      const ends = ending(first, 'cancelled', { statusReason: 'superseded' });
      await stores.projects.activate('default', 'triage', versions.candidate, ends);
      expect(await active()).toBe(versions.candidate);
      expect(await find()).toEqual(ends.record);
      expect(await events()).toEqual(['created', 'cancelled']);
      expect(await stores.rollouts.listLive('default')).toEqual([]);
    });

    test('[defect 36] [defect 37] activating another version fails while a rollout is live that it does not end (I6)', async () => {
      const { projects, rollouts } = stores;
      await unchanged(() =>
        expect(projects.activate('default', 'triage', versions.candidate)).rejects.toMatchObject(conflict),
      );
      const late = ending(first, 'cancelled');
      await rollouts.update(changeTo(nextRevision(first, { status: 'paused' }), 'paused'));
      await unchanged(async () => {
        await expect(projects.activate('default', 'triage', versions.candidate, late)).rejects.toMatchObject(conflict);
        await expect(projects.activate('default', 'triage', 'sha256:unknown')).rejects.toMatchObject({
          code: 'not_found',
        });
      });
    });

    test('activating the version that is active leaves the rollout alone (I6)', async () => {
      await stores.projects.activate('default', 'triage', versions.stable);
      expect(await find()).toEqual(first);
    });

    test('[defect 36] a publication that activates another version cancels the live rollout with it (I6)', async () => {
      const third = agentOf('triage', 'three');
      const ends = ending(first, 'cancelled', { statusReason: 'superseded' });
      const result = await stores.projects.publish(
        publication({ agents: [third], activate: ['triage'], endsRollouts: [ends] }),
      );
      expect(result.agents).toMatchObject([{ activated: true, created: true, alias: 'v3' }]);
      expect(await active()).toBe(third.versionId);
      expect(await find()).toEqual(ends.record);
      expect(await events()).toEqual(['created', 'cancelled']);
    });

    test('[defect 36] [defect 37] a publication that would leave a live rollout over another version publishes nothing (I6)', async () => {
      const third = agentOf('triage', 'three');
      const [writer, dag] = [agentOf('writer'), storedDag('demo')];
      const both = { agents: [writer, third], activate: ['writer', 'triage'], dags: [dag] };
      const { projects, rollouts } = stores;
      await unchanged(() => expect(projects.publish(publication(both))).rejects.toMatchObject(conflict));
      const late = ending(first, 'cancelled');
      await rollouts.update(changeTo(nextRevision(first, { status: 'paused' }), 'paused'));
      await unchanged(() =>
        expect(projects.publish(publication({ ...both, endsRollouts: [late] }))).rejects.toMatchObject(conflict),
      );
      expect(await projects.findVersion('default', 'triage', third.versionId)).toBeUndefined();
      expect(await projects.listVersions('default', 'writer')).toEqual([]);
      expect(await projects.findDag('default', 'demo')).toBeUndefined();
    });

    test('a publication that changes no active version of the agent leaves its rollout alone (I6)', async () => {
      const same = agentOf('triage', 'one');
      expect(same.versionId).toBe(versions.stable);
      await stores.projects.publish(publication({ agents: [same], activate: ['triage'] }));
      await stores.projects.publish(publication({ agents: [agentOf('triage', 'four')] }));
      await stores.projects.publish(publication({ agents: [agentOf('writer')], activate: ['writer'] }));
      expect(await find()).toEqual(first);
    });

    test('drafts do not stand in the way of an activation (I6)', async () => {
      await stores.rollouts.update(ending(first, 'cancelled'));
      await stores.rollouts.insert(changeTo({ ...first, id: 'rol_2', status: 'draft' }, 'created'));
      await stores.projects.activate('default', 'triage', versions.candidate);
      expect(await active()).toBe(versions.candidate);
    });

    test('starts, promotions, activations and publications at once never leave a live rollout over another version (I1 I4 I6)', async () => {
      const third = agentOf('triage', 'three');
      let current = first;
      for (let round = 0; round < 12; round += 1) {
        const stable = (await active()) ?? '';
        const next = stable === versions.stable ? versions.candidate : versions.stable;
        const fresh = (id: string) => ({ ...rolloutOf({ stable, candidate: next }), id: `rol_${round}_${id}` });
        const others = { stable: next, candidate: stable };
        const attempts = [
          () => stores.rollouts.update(promoting(current, next, stable)),
          () => stores.projects.activate('default', 'triage', next, ending(current, 'cancelled')),
          () => stores.projects.activate('default', 'triage', next),
          () => stores.projects.publish(publication({ agents: [third], activate: ['triage'] })),
          () => stores.rollouts.update(ending(current, 'rolled_back')),
          () => stores.rollouts.insert(changeTo(fresh('a'), 'created')),
          () => stores.rollouts.insert(changeTo({ ...rolloutOf(others), id: `rol_${round}_b` }, 'created')),
        ];
        const order = attempts.map((attempt, index) => ({ attempt, place: (index * 3 + round) % attempts.length }));
        await Promise.allSettled(order.toSorted((a, b) => a.place - b.place).map(async ({ attempt }) => attempt()));
        const live = await stores.rollouts.listLive('default');
        expect(live.length, `round ${round}`).toBeLessThanOrEqual(1);
        for (const record of live) expect(record.stableVersionId, `round ${round}`).toBe(await active());
        const again = rolloutOf({ stable: (await active()) ?? '', candidate: next }, { id: `rol_${round}_c` });
        const [kept] = live;
        if (kept === undefined) await stores.rollouts.insert(changeTo(again, 'created'));
        current = kept ?? again;
      }
      const { events } = await stores.rollouts.readEvents('default', 0, 999);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    });

    test('[defect 48] a version that a live rollout names is there however many are published after it (I5)', async () => {
      for (let index = 0; index < 60; index += 1) {
        await stores.projects.publish(publication({ agents: [agentOf('triage', `version ${index}`)] }));
      }
      const found = await stores.projects.findVersion('default', 'triage', versions.candidate);
      expect(found?.versionId).toBe(versions.candidate);
      expect(await stores.projects.listVersions('default', 'triage')).toHaveLength(62);
    });

    test('the snapshot of an open run outlives the rollout that chose it, and its collection (I5)', async () => {
      const { snapshots, runs, rollouts } = stores;
      const snapshot = sealed('candidate');
      await snapshots.save('default', snapshot.digest, snapshot.manifest, snapshot.parts, 1);
      const run = {
        ...creating('run_1', { status: 'running', snapshotDigest: snapshot.digest }),
        pinsSnapshot: snapshot.digest,
      };
      await runs.append(run);
      await rollouts.update(ending(first, 'rolled_back'));
      await snapshots.collect(Number.MAX_SAFE_INTEGER, 99);
      expect(await snapshots.find('default', snapshot.digest)).toBeDefined();
      expect(await runs.append(going(run.head, [note('on')]))).toEqual({ status: 'appended' });
    });

    test('admissions prepared before a write of a rollout or of a freeze are refused after it (I7, O4)', async () => {
      let count = 0;
      const admit = (expectsRevision: number) => {
        count += 1;
        return stores.runs.append({ ...creating(`run_${count}`), expectsRevision });
      };
      let current = first;
      const write = async (change: RolloutChange) => {
        expect(await stores.rollouts.update(change)).toEqual({ status: 'updated' });
        current = change.record;
      };
      const writes: readonly (() => Promise<unknown>)[] = [
        () => write(changeTo(nextRevision(current, { status: 'paused' }), 'paused')),
        () => write(changeTo(nextRevision(current, { status: 'active' }), 'resumed')),
        () => stores.rollouts.setFreeze('default', 'triage', { agentId: 'triage', by: 'ann', reason: '', at: 1 }),
        () => stores.rollouts.setFreeze('default', 'triage', undefined),
        () => write(ending(current, 'rolled_back')),
        () => stores.rollouts.insert(changeTo({ ...first, id: 'rol_2' }, 'created')),
      ];
      for (const body of writes) {
        const before = await stores.projects.revision('default');
        await body();
        await expect(admit(before)).rejects.toMatchObject(conflict);
        expect(await admit(before + 1)).toEqual({ status: 'appended' });
      }
    });

    test('what was said of an agent is what the last publication said; kept DAGs are found by digest and raise nothing', async () => {
      const { projects } = stores;
      expect(await projects.agentSettings('default', 'triage')).toBeUndefined();
      const said = (expression: string) => ({
        agentId: 'triage',
        scorers: [{ id: 'short', kind: 'expression' as const, expression, sample: 1 }],
      });
      await projects.publish(publication({ settings: [said('a'), { agentId: 'writer', scorers: [] }] }));
      await projects.publish(publication({ settings: [said('b')] }));
      await projects.publish(publication({}));
      expect(await projects.agentSettings('default', 'triage')).toEqual(said('b'));
      expect(await projects.agentSettings('default', 'writer')).toEqual({ agentId: 'writer', scorers: [] });
      const before = await projects.revision('default');
      const dag = storedDag('evaluation');
      for (const kept of [[dag], [dag, storedDag('other')], []]) await projects.keepDags('default', kept);
      expect(await projects.findDagByDigest('default', dag.digest)).toEqual(dag);
      expect(await projects.listDags('default')).toEqual([]);
      expect(await projects.revision('default')).toBe(before);
    });
  });
};
