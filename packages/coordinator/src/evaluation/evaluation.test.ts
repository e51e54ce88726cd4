import { defaultTenant } from '@skein/domain';
import { expect, test } from 'vitest';
import { createReplayScene, type ReplayScene } from '../../test/replay-scene.ts';

/** Evaluations are reached through a replay, whose prompt is whatever the recorded step was asked. */
const replayOf = async (scene: ReplayScene, q: string) => {
  const worker = await scene.player();
  const runId = await scene.recorded(worker, q);
  const id = await scene.startReplay();
  return { worker, runId, id };
};

test.each(['${params.q} ${run.id}', '$${steps.a.stdout}', '\\$${item} ${env.HOME} $(rm -r /)', '${params.x@file}'])(
  'a prompt is literal, whatever it holds: %.30j',
  async (text) => {
    const scene = await createReplayScene();
    const { worker } = await replayOf(scene, text);
    const offer = worker.offers[1]!;
    expect(offer.definition.action).toMatchObject({ kind: 'agent', prompt: '${params.prompt}' });
    expect(offer.refs['params.prompt']).toEqual({ inline: `Find ${text}` });
  },
);

test('an evaluation run is shown under the run that it is about, and comes after all others', async () => {
  const scene = await createReplayScene();
  const { runId } = await replayOf(scene, 'one');
  const [child, ...more] = await scene.scene.children(runId);
  expect(more).toEqual([]);
  expect(child).toMatchObject({ dag: 'ask', status: 'running' });
  const { items } = await scene.scene.coordinator.listRuns({ tenant: defaultTenant, limit: 10 });
  expect(items.map((run) => run.runId)).toEqual([runId]);
  const head = await scene.scene.stores.runs.readHead(defaultTenant, child!.runId);
  expect(head).toMatchObject({ parentRunId: runId, rootRunId: runId, priority: -1_000_001 });
  expect(await scene.scene.view(child!.runId)).toMatchObject({
    parentRunId: runId,
    agents: { scout: { versionId: scene.candidate, source: 'explicit' } },
  });
});

test('evaluation runs keep no run waiting at the door', async () => {
  const scene = await createReplayScene({ config: { minWindow: 1 } });
  const worker = await scene.player(1);
  for (const q of ['one', 'two', 'three', 'four']) await scene.recorded(worker, q);
  await scene.startReplay();
  // Four of them are open, and one slot lets two runs in.
  const runId = await scene.scene.submit('ask', { params: { q: 'five' } });
  expect(await scene.scene.status(runId)).toBe('running');
});

test('a worker that cannot answer from a record is never offered such a step', async () => {
  const scene = await createReplayScene();
  const old = await scene.scene.join({ slots: 4 });
  await scene.recorded(old, 'one');
  await scene.startReplay();
  await scene.scene.clock.advance(3_000);
  await scene.scene.settle();
  expect(old.offers).toHaveLength(1);
  const able = await scene.player(1);
  expect(able.offers).toHaveLength(1);
  expect(able.offers[0]?.playback).toBeDefined();
});

test('proposals of an evaluation run are dropped, whatever its worker says, and it cannot be retried', async () => {
  const scene = await createReplayScene();
  const { worker } = await replayOf(scene, 'one');
  const offer = worker.offers[1]!;
  worker.start(offer);
  worker.send({
    type: 'result',
    result: {
      runId: offer.runId,
      step: offer.step,
      attempt: offer.attempt,
      token: offer.token,
      outcome: { status: 'failed', error: { code: 'internal', message: 'no' } },
      outputs: {},
      proposals: [{ scope: 'agent/scout', op: 'append', text: 'remember me' }],
      durationMs: 1,
    },
  });
  await scene.scene.settle();
  expect(scene.scene.appends.flatMap(({ proposals = [] }) => proposals)).toEqual([]);
  await expect(scene.scene.coordinator.retryRun(defaultTenant, offer.runId, { by: 'ann' })).rejects.toMatchObject({
    code: 'illegal_transition',
  });
});

test('a step without a single turn is asked what its prompt says, with the values of its run', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  await scene.scene.submit('ask', { params: { q: 'one ${params.q}' } });
  worker.start(worker.offers[0]!);
  await scene.scene.answer(worker, 0, { status: 'failed', error: { code: 'unavailable', message: 'no model' } });
  await scene.startReplay({ kind: 'failed' });
  expect(worker.offers[1]?.refs['params.prompt']).toEqual({ inline: 'Find one ${params.q}' });
});
