import type { RunStatus } from '@skein/domain';
import type { RunStore } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating, going, note } from './run-fixtures.ts';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const tenant = 'default';
const body = new Uint8Array([1, 2, 3]);

/** Conformance of what retention removes of runs, and of the probe of writes. */
export const describeRetention = (name: string, make: MakeHarness): void => {
  describe(`${name}: retention`, () => {
    const harness = useHarness(make);
    const ids = createSequenceIds(8);

    /** A run that ended at `finishedAt` with three facts. */
    const ended = async (runs: RunStore, finishedAt: number, status: RunStatus = 'succeeded'): Promise<string> => {
      const create = creating(ids.next('run'), { status: 'running' });
      await runs.append(create);
      await runs.append(going(create.head, [note('a'), note('end')], { status, finishedAt }));
      return create.runId;
    };

    test('ended runs are prunable, the earliest end first, and open ones are not', async () => {
      const { runs } = await harness.open();
      const [late, early, middle] = [await ended(runs, 300), await ended(runs, 100), await ended(runs, 200, 'failed')];
      const cancelled = await ended(runs, 400, 'cancelled');
      await runs.append(creating(ids.next('run'), { status: 'running' }));
      await ended(runs, 150, 'waiting');
      const listed = async (before: number, limit = 9) =>
        (await runs.listPrunable(before, limit)).map(({ runId }) => runId);
      expect(await listed(9_999)).toEqual([early, middle, late, cancelled]);
      expect(await listed(300)).toEqual([early, middle]);
      expect(await listed(9_999, 1)).toEqual([early]);
    });

    test('a pruned run keeps its head, its state and its keys, and its facts are gone', async () => {
      const { runs } = await harness.open();
      const runId = await ended(runs, 100);
      const before = await runs.readHead(tenant, runId);
      await runs.saveCheckpoint({ tenant, runId, seq: 3, body });
      expect(await runs.pruneRun(tenant, runId)).toBe(true);
      expect(await runs.readHead(tenant, runId)).toEqual({ ...before, prunedSeq: 3 });
      for (const after of [0, 2, 3]) expect(await runs.readFacts(tenant, runId, after)).toEqual([]);
      expect(await runs.readFacts(tenant, runId, 0, 1)).toEqual([]);
      expect(await runs.loadCheckpoint(tenant, runId)).toEqual({ tenant, runId, seq: 3, body });
      expect((await runs.listRuns({ tenant, limit: 9 })).items).toHaveLength(1);
      expect(await runs.listPrunable(9_999, 9)).toEqual([]);
      expect(await runs.pruneRun(tenant, runId)).toBe(false);
      expect(await runs.append(creating(runId))).toEqual({ status: 'conflict', seq: 3 });
    });

    test('nothing is pruned that is open, unknown, or whose state is not that of its last fact', async () => {
      const { runs } = await harness.open();
      const open = creating(ids.next('run'), { status: 'running' });
      await runs.append(open);
      await runs.saveCheckpoint({ tenant, runId: open.runId, seq: 1, body });
      const [without, behind] = [await ended(runs, 100), await ended(runs, 100)];
      await runs.saveCheckpoint({ tenant, runId: behind, seq: 2, body });
      for (const runId of [open.runId, without, behind, 'run_none']) {
        expect(await runs.pruneRun(tenant, runId)).toBe(false);
      }
      expect(await runs.pruneRun('other', behind)).toBe(false);
      expect(await runs.readFacts(tenant, without, 0)).toHaveLength(3);
      expect(await runs.readFacts(tenant, behind, 0)).toHaveLength(3);
    });

    test('a state at the same number takes the place of the one before, an earlier one does not', async () => {
      const { runs } = await harness.open();
      const runId = await ended(runs, 100);
      await runs.saveCheckpoint({ tenant, runId, seq: 3, body });
      await runs.saveCheckpoint({ tenant, runId, seq: 3, body: new Uint8Array([9]) });
      await runs.saveCheckpoint({ tenant, runId, seq: 2, body });
      expect(await runs.loadCheckpoint(tenant, runId)).toEqual({ tenant, runId, seq: 3, body: new Uint8Array([9]) });
    });

    test('the logs of a run are removed, of all its steps and attempts, and of no other run', async () => {
      const { logs } = await harness.open();
      const bytes = new TextEncoder().encode('line');
      const key = { tenant, runId: 'run_1', step: 'build', attempt: 1 };
      const gone = [key, { ...key, attempt: 2 }, { ...key, step: 'each[3]' }];
      const kept = [
        { ...key, runId: 'run_2' },
        { ...key, runId: 'run_10' },
        { ...key, tenant: 'other' },
      ];
      for (const each of [...gone, ...kept]) logs.append(each, bytes);
      await logs.remove(tenant, 'run_1');
      await logs.remove(tenant, 'run_none');
      for (const each of gone) expect((await logs.read(each, 0, 9)).bytes).toHaveLength(0);
      for (const each of kept) expect((await logs.read(each, 0, 9)).bytes).toEqual(bytes);
      expect(await logs.attempts(tenant, 'run_1', 'build')).toEqual([]);
      logs.append(key, bytes);
      expect((await logs.read(key, 0, 9)).bytes).toEqual(bytes);
    });

    test('a probe goes through, again and again, and leaves nothing behind', async () => {
      const { runs } = await harness.open();
      for (let turn = 0; turn < 3; turn += 1) await runs.probeWrite();
      expect(await runs.countByStatus()).toEqual({});
    });

    durableTest(harness, 'a pruned run stays pruned over a restart', async (reopen) => {
      const { runs } = await harness.open();
      const runId = await ended(runs, 100);
      await runs.saveCheckpoint({ tenant, runId, seq: 3, body });
      await runs.pruneRun(tenant, runId);
      const again = (await reopen()).runs;
      expect((await again.readHead(tenant, runId))?.prunedSeq).toBe(3);
      expect(await again.readFacts(tenant, runId, 0)).toEqual([]);
      expect((await again.loadCheckpoint(tenant, runId))?.body).toEqual(body);
    });
  });
};
