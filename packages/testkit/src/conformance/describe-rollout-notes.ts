import type { Score } from '@skein/domain';
import { beforeEach, describe, expect, test } from 'vitest';
import { changeTo, nextRevision, publishTwo, rolloutOf } from './rollout-fixtures.ts';
import { type MakeHarness, type StoresUnderTest, useHarness } from './store-harness.ts';

/** Conformance of a `RolloutStore`: events and their readers, scores, replays. */
export const describeRolloutNotes = (name: string, make: MakeHarness): void => {
  describe(`RolloutStore of ${name}: events, scores and replays`, () => {
    const harness = useHarness(make);
    let stores: StoresUnderTest;

    beforeEach(async () => {
      stores = await harness.open();
    });

    test('events of a tenant are numbered without gaps over its rollouts, and read by tenant or by rollout', async () => {
      const { rollouts } = stores;
      const [a, b] = [await publishTwo(stores, 'triage'), await publishTwo(stores, 'writer')];
      let one = rolloutOf(a);
      let two = rolloutOf(b, { id: 'rol_2', agentId: 'writer' });
      const other = rolloutOf(await publishTwo(stores, 'triage', 'acme'), { tenant: 'acme' });
      for (const record of [one, two, other]) await rollouts.insert(changeTo(record, 'created'));
      for (let turn = 0; turn < 4; turn += 1) {
        one = nextRevision(one);
        two = nextRevision(two);
        await Promise.all([one, two].map((record) => rollouts.update(changeTo(record))));
      }
      const { events, nextSeq } = await rollouts.readEvents('default', 0, 99);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(nextSeq).toBe(10);
      expect(await rollouts.readEvents('default', 3, 2)).toEqual({ events: events.slice(3, 5), nextSeq: 5 });
      expect(await rollouts.readEvents('default', 10, 9)).toEqual({ events: [], nextSeq: 10 });
      const ofTwo = events.filter(({ rolloutId }) => rolloutId === 'rol_2');
      expect(ofTwo.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5]);
      expect((await rollouts.readEvents('default', 0, 99, 'rol_2')).events).toEqual(ofTwo);
      expect((await rollouts.readEvents('acme', 0, 99)).events).toMatchObject([{ seq: 1, tenant: 'acme' }]);
      expect(await rollouts.eventTenants()).toEqual(['acme', 'default']);
    });

    test('a webhook begins at the first event and goes on where it was', async () => {
      const { rollouts } = stores;
      expect(await rollouts.eventTenants()).toEqual([]);
      expect(await rollouts.loadCursor('default', 'hook')).toEqual({ seq: 0, failures: 0, notBefore: 0 });
      await rollouts.saveCursor('default', 'hook', { seq: 3, failures: 2, notBefore: 5_000 });
      await rollouts.saveCursor('default', 'hook', { seq: 4, failures: 0, notBefore: 0 });
      await rollouts.saveCursor('acme', 'hook', { seq: 9, failures: 0, notBefore: 0 });
      expect(await rollouts.loadCursor('default', 'hook')).toEqual({ seq: 4, failures: 0, notBefore: 0 });
      expect(await rollouts.loadCursor('default', 'other')).toEqual({ seq: 0, failures: 0, notBefore: 0 });
    });

    test('[defect 13] a score is kept once for each run, agent, scorer and step, by itself', async () => {
      const { rollouts } = stores;
      const score: Score = {
        runId: 'run_1',
        agentId: 'triage',
        versionId: 'sha256:v',
        scorer: 'a:b',
        step: '',
        value: 0.1 + 0.2,
        by: 'ann',
        reason: 'NUL \u0000 and \ud800',
        at: 7,
      };
      const same = Array.from({ length: 10 }, (_, by) => ({ ...score, by: String(by) }));
      const kept = await Promise.all(same.map((one) => rollouts.recordScore('default', one)));
      expect(kept.filter(Boolean)).toHaveLength(1);
      const others = [{ step: 's' }, { scorer: 'a' }, { agentId: 'writer' }].map((change) => ({ ...score, ...change }));
      for (const one of others) expect(await rollouts.recordScore('default', one)).toBe(true);
      expect(await rollouts.recordScore('acme', score)).toBe(true);
      const [inStep, short, writer] = others;
      expect(await rollouts.listScores('default', 'run_1')).toEqual([short, same[kept.indexOf(true)], inStep, writer]);
      expect(await rollouts.listScores('default', 'run_2')).toEqual([]);
    });

    test('replays are written by compare-and-set, and listed newest first', async () => {
      const { rollouts } = stores;
      const replay = (id: string, change: object = {}) => ({
        id,
        agentId: 'triage',
        version: 0,
        body: `body of ${id}`,
        open: true,
        at: 1,
        ...change,
      });
      const first = await Promise.all([1, 2, 3].map(() => rollouts.saveReplay('default', replay('rpl_1'))));
      expect(first.filter(Boolean)).toHaveLength(1);
      expect(await rollouts.findReplay('default', 'rpl_1')).toEqual({ version: 1, body: 'body of rpl_1' });
      expect(await rollouts.saveReplay('default', replay('rpl_1', { version: 1, body: 'done', open: false }))).toBe(
        true,
      );
      expect(await rollouts.saveReplay('default', replay('rpl_1', { version: 1 }))).toBe(false);
      expect(await rollouts.saveReplay('default', replay('rpl_9', { version: 1 }))).toBe(false);
      await rollouts.saveReplay('default', replay('rpl_2', { at: 2 }));
      await rollouts.saveReplay('default', replay('rpl_3', { at: 2, agentId: 'writer' }));
      await rollouts.saveReplay('acme', replay('rpl_4', { at: 3 }));
      const ids = async (filter: object) =>
        (await rollouts.listReplays({ limit: 9, ...filter })).map(({ tenant, id }) => `${tenant} ${id}`);
      expect(await ids({})).toEqual(['acme rpl_4', 'default rpl_3', 'default rpl_2', 'default rpl_1']);
      expect(await ids({ tenant: 'default', limit: 2 })).toEqual(['default rpl_3', 'default rpl_2']);
      expect(await ids({ agentId: 'triage', open: true })).toEqual(['acme rpl_4', 'default rpl_2']);
      expect(await rollouts.listReplays({ tenant: 'default', open: false, limit: 9 })).toEqual([
        { tenant: 'default', id: 'rpl_1', version: 2, body: 'done' },
      ]);
      expect(await rollouts.findReplay('acme', 'rpl_1')).toBeUndefined();
    });
  });
};
