import { defaultTenant } from '@skein/domain';
import { afterEach, expect, test } from 'vitest';
import { ann } from '../../test/rollout-scene.ts';
import type { ScoringScene } from '../../test/scoring-scene.ts';
import { createScoringScene } from '../../test/scoring-scene.ts';

let scene: ScoringScene;
afterEach(() => scene.scene.close());

const minute = 60_000;
const tickMs = 1_000;

/** Time goes on until an event of this type is there; answers how long that took, `limitMs` at most (ms). */
const untilEvent = async (id: string, type: string, limitMs: number): Promise<number> => {
  for (let passed = 0; passed < limitMs; passed += tickMs / 2) {
    if ((await scene.rollout.events(id)).some((event) => event.type === type)) return passed;
    scene.worker.beat();
    await scene.scene.clock.advance(tickMs / 2);
    await scene.settle();
  }
  return limitMs;
};

test('[g12.17] a scorer whose scores are posted and that falls silent pauses the rollout within the deadline and a tick', async () => {
  scene = await createScoringScene();
  const { id } = await scene.start({ scorers: [{ id: 'thumbs', kind: 'posted' }], valueDeadlineMs: minute });
  const post = (runId: string) =>
    scene.rollout.rollouts.postScore(defaultTenant, runId, { scorer: 'thumbs', value: 1 }, ann);
  for (let unit = 1; unit <= 5; unit += 1) await post(await scene.run(`heard-${unit}`));
  // All of these end in the same instant.
  for (let unit = 1; unit <= 40; unit += 1) await scene.run(`silent-${unit}`);
  const took = await untilEvent(id, 'paused', 3 * minute);
  expect(took).toBeGreaterThanOrEqual(minute);
  expect(took).toBeLessThanOrEqual(minute + tickMs);
  expect(await scene.rollout.view(id)).toMatchObject({ status: 'paused', statusReason: 'scorer_outage' });
  expect((await scene.rollout.events(id)).at(-1)?.by).toMatchObject({ actor: 'evaluator' });
});

test('[g12.16] while no evaluator lives nothing ramps; the next one goes on from what was kept', async () => {
  scene = await createScoringScene();
  const { rollout } = scene;
  const { id } = await scene.start({
    candidateVersionId: rollout.versions.good,
    steps: [
      { weight: 0.25, minUnits: 10, minDurationMs: minute, maxHarm: 0.9 },
      { weight: 0.5, minUnits: 10, minDurationMs: minute, maxHarm: 0.9 },
    ],
    rules: [{ metric: 'error', promoteMargin: 0.3 }],
  });
  await rollout.deal(id, { stable: 60, candidate: 20 });
  await rollout.ticks(2);
  const before = await rollout.store.loadEvidence(defaultTenant, id);
  expect(before.evidence?.settledSeq).toBe(80);
  await scene.scene.coordinator.stop();
  await scene.scene.clock.advance(10 * minute);
  expect(await rollout.record(id)).toMatchObject({ revision: 1, stepIndex: 0, status: 'active' });
  expect(await rollout.store.loadEvidence(defaultTenant, id)).toEqual(before);
  await scene.restart();
  await rollout.ticks(2);
  expect(await rollout.record(id)).toMatchObject({ revision: 2, stepIndex: 1, status: 'active' });
  const after = await rollout.store.loadEvidence(defaultTenant, id);
  expect(after.evidence?.settledSeq).toBe(80);
  expect(after.evidence?.streams).toEqual(before.evidence?.streams);
});
