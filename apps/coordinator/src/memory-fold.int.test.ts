import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCoordinator } from '@skein/coordinator';
import { openSqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { createFakeExpressions, createMemoryLog, creating, proposing } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';

const clock = createSystemClock();
const ids = createIdSource();
const hasher = createHasher();
const log = createMemoryLog();
const runIds = Array.from({ length: 1_000 }, (_, index) => `run_${String(index).padStart(4, '0')}`);

/** Two coordinators on one data folder, not started: nothing folds but what the test asks for. */
const open = async (dataDir: string) => {
  const stores = await openSqlStores({ dataDir, log, clock, ids, hasher });
  const coordinators = ['a', 'b'].map((coordinatorId) =>
    createCoordinator(
      {
        clock,
        ids,
        hasher,
        log,
        secrets: createSecrets(),
        meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
        ...stores,
        projectReader: { read: () => ({ ok: false, error: [] }) },
        expressions: createFakeExpressions(),
      },
      { coordinatorId },
    ),
  );
  return { stores, coordinators };
};

test('proposals of a thousand runs outlive a stop of the store, and two coordinators fold each of them once', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-fold-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const first = await open(dataDir);
  const appended = await Promise.all(
    runIds.map((runId) =>
      first.stores.runs.append({
        ...creating(runId, { status: 'succeeded' }),
        proposals: [proposing(runId, 0, { text: `seen by ${runId}` })],
      }),
    ),
  );
  expect(appended.every(({ status }) => status === 'appended')).toBe(true);
  const before = await first.stores.projects.revision('default');
  await first.stores.close();

  const second = await open(dataDir);
  onTestFinished(() => second.stores.close());
  const folds = await Promise.all(second.coordinators.map((coordinator) => coordinator.foldNow('default')));
  expect(folds.flat()).toEqual([{ scope: 'agent/triage', revision: 1, folded: 1_000, review: 0, dropped: 0 }]);
  const [coordinator] = second.coordinators;
  const { text, revision, change } = await coordinator!.readMemory('default', 'agent/triage');
  expect(text.trim().split('\n').toSorted()).toEqual(runIds.map((runId) => `seen by ${runId}`));
  expect([revision, change.kind]).toEqual([1, 'fold']);
  expect(await second.stores.projects.revision('default')).toBe(before + 1);

  const reverted = await coordinator!.revertRun('default', 'run_0500', 'ann');
  expect(reverted.scopes).toMatchObject([{ reverted: 1, revision: 2 }]);
  expect((await coordinator!.readMemory('default', 'agent/triage')).text).not.toContain('run_0500');
  expect((await coordinator!.readMemory('default', 'agent/triage', 1)).text).toContain('run_0500');
});
