import { DomainError, defaultTenant, type Step } from '@skein/domain';
import { createFakeExpressions, createMemoryLog, createScene, dagOf, type Scene, stepOf } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { createCoordinator } from '../create-coordinator.ts';

const approval: Step = stepOf('approve', {
  depends: ['pause'],
  action: { kind: 'approval', prompt: 'go on?', input: [], rewind: 'pause' },
});
const dag = dagOf([stepOf('pause', { action: { kind: 'wait', durationMs: 1_000 } }), approval], { name: 'asks' });

const open = async (): Promise<Scene> => {
  const scene = await createScene({ dags: [dag] });
  onTestFinished(() => scene.close());
  return scene;
};

const asked = async () => {
  const scene = await open();
  const runId = await scene.submit('asks');
  await scene.clock.advance(1_000);
  await scene.settle();
  return { scene, runId };
};

/** The next append with a fact of this type happens, or does not; its answer is lost either way. */
const loseAnswer = (scene: Scene, type: string, happens: boolean): void => {
  scene.onAppend = async (request, append) => {
    if (!request.facts.some((fact) => fact.type === type)) return append(request);
    scene.onAppend = (next, own) => own(next);
    if (happens) await append(request);
    throw new DomainError('unavailable', 'the answer is lost');
  };
};

const countOf = async (scene: Scene, runId: string, type: string): Promise<number> =>
  (await scene.types(runId)).filter((each) => each === type).length;

/** Waits in virtual time for something that may need the store to be asked again. */
const inTime = async <T>(scene: Scene, promise: Promise<T>): Promise<T> => {
  let done = false;
  const end = (): void => {
    done = true;
  };
  void promise.then(end, end);
  for (let turn = 0; turn < 50 && !done; turn += 1) await scene.clock.advance(100);
  return promise;
};

test.each([true, false])('an answer whose append was in doubt is recorded once (it happened: %s)', async (happens) => {
  const { scene, runId } = await asked();
  loseAnswer(scene, 'step_answered', happens);
  const answer = { decision: 'approve', by: 'ada' } as const;
  await inTime(scene, scene.coordinator.answerApproval(defaultTenant, runId, 'approve', answer));
  await scene.settle();
  expect(await scene.status(runId)).toBe('succeeded');
  expect(await countOf(scene, runId, 'step_answered')).toBe(2);
});

test.each([true, false])('a push-back whose append was in doubt makes one round (it happened: %s)', async (happens) => {
  const { scene, runId } = await asked();
  loseAnswer(scene, 'step_pushed_back', happens);
  const options = { feedback: 'wait again', by: 'ada', round: 0 };
  await inTime(scene, scene.coordinator.pushBack(defaultTenant, runId, 'approve', options));
  await scene.clock.advance(2_000);
  await scene.settle();
  expect(await countOf(scene, runId, 'step_pushed_back')).toBe(1);
  expect(await scene.coordinator.listApprovals(defaultTenant, runId)).toMatchObject([{ round: 1 }]);
});

test('a run whose first step waits begins once though the answer to its admission was lost', async () => {
  const scene = await open();
  loseAnswer(scene, 'run_admitted', true);
  const { run } = await inTime(scene, scene.coordinator.submitRun(defaultTenant, { dag: 'asks' }));
  await scene.clock.advance(5_000);
  await scene.settle();
  expect(await scene.coordinator.listApprovals(defaultTenant, run.runId)).toHaveLength(1);
  expect(await countOf(scene, run.runId, 'run_admitted')).toBe(1);
  expect(await countOf(scene, run.runId, 'step_waiting')).toBe(2);
});

test.each([true, false])(
  'the end of a wait whose append was in doubt is one end (it happened: %s)',
  async (happens) => {
    const scene = await open();
    const runId = await scene.submit('asks');
    loseAnswer(scene, 'step_answered', happens);
    await scene.clock.advance(1_000);
    await scene.clock.advance(5_000);
    await scene.settle();
    expect(await countOf(scene, runId, 'step_answered')).toBe(1);
    expect(await scene.status(runId)).toBe('waiting');
  },
);

test('a coordinator that is not home to the runs does not say that nobody waits for an answer', async () => {
  const { scene, runId } = await asked();
  const { hasher, ids, lines, stores, clock } = scene;
  expect(await scene.coordinator.listApprovals(defaultTenant)).toMatchObject([{ runId }]);
  const standby = createCoordinator(
    {
      clock,
      ids,
      hasher,
      secrets: { secureToken: () => 'secret' },
      log: createMemoryLog(lines),
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      ...stores,
      projectReader: { read: () => ({ ok: false, error: [] }) },
      expressions: createFakeExpressions(),
    },
    { coordinatorId: 'standby' },
  );
  onTestFinished(() => standby.stop());
  await standby.start();
  await expect(standby.listApprovals(defaultTenant)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await standby.listApprovals(defaultTenant, runId)).toMatchObject([{ runId }]);
});
