import type { Dag, Step } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import type { Scene, ScriptedWorker } from '@skein/testkit';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const handled = dagOf([stepOf('work')], { name: 'inner', handlers: { exit: stepOf('@exit') } });
const calling = (fields: Partial<Step> = {}): Dag => dagOf([callOf('go', 'inner', {}, fields)], { name: 'outer' });

/** A worker that comes back after a restart with the task of this offer. */
const comeBack = async (scene: Scene, worker: ScriptedWorker, place: number): Promise<ScriptedWorker> => {
  const offer = worker.offers[place]!;
  const again = scene.connect(worker.info);
  const { runId, step, attempt, token } = offer;
  again.hello({ running: [{ runId, step, attempt, token, started: true }] });
  await scene.settle();
  return again;
};

describe('a called run that was told to stop, and whose handlers run', () => {
  /** Up to the moment in which the child is cancelled and its `@exit` is offered. */
  const untilExit = async () => {
    const scene = await createScene({ dags: [calling(), handled] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    worker.start(worker.offers[0]!);
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.settle();
    await scene.answer(worker, 0, { status: 'cancelled' });
    expect(worker.offers[1]).toMatchObject({ step: '@exit' });
    worker.start(worker.offers[1]!);
    await scene.settle();
    return { scene, worker, runId };
  };

  test('is not told again by a coordinator that starts anew: its handlers end as they would have', async () => {
    const { scene, worker, runId } = await untilExit();
    await scene.restart();
    const again = await comeBack(scene, worker, 1);
    await scene.clock.advance(5_000);
    expect(again.of('cancel')).toEqual([]);
    again.finish(worker.offers[1]!);
    await scene.settle();
    const [child] = await scene.children(runId);
    expect((await scene.types(child!.runId)).filter((type) => type === 'cancel_requested')).toHaveLength(1);
    expect((await scene.view(child!.runId)).handlers).toMatchObject([{ id: '@exit', status: 'succeeded' }]);
    expect(await scene.status(runId)).toBe('cancelled');
    await scene.close();
  });
});

describe('one request to cancel whose answer is lost', () => {
  test('does not stop the handlers that it let begin', async () => {
    const scene = await createScene({ dags: [handled] });
    const runId = await scene.submit('inner');
    let failures = 1;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (!request.facts.some(({ type }) => type === 'cancel_requested') || failures === 0) return outcome;
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    const cancelled = scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.clock.advance(3_000);
    expect((await cancelled).runId).toBe(runId);
    expect((await scene.types(runId)).filter((type) => type === 'cancel_requested')).toHaveLength(1);
    const worker = await scene.join();
    await scene.answer(worker, 0);
    expect((await scene.view(runId)).handlers).toMatchObject([{ id: '@exit', status: 'succeeded' }]);
    await scene.close();
  });

  test('is asked again when it did not happen, also in the closing phase', async () => {
    const scene = await createScene({ dags: [handled] });
    const runId = await scene.submit('inner');
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    let failures = 1;
    scene.onAppend = async (request, append) => {
      if (!request.facts.some(({ type }) => type === 'cancel_requested') || failures === 0) return append(request);
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    const cancelled = scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.clock.advance(3_000);
    await cancelled;
    expect((await scene.view(runId)).handlers).toMatchObject([{ id: '@exit', status: 'cancelled' }]);
    expect(await scene.status(runId)).toBe('cancelled');
    await scene.close();
  });
});

describe('when the answer to the begin of a call is lost', () => {
  test.each(['durable', 'not durable'] as const)('and it is %s, one run is created at once', async (what) => {
    const scene = await createScene({ dags: [calling(), handled] });
    let failures = 1;
    scene.onAppend = async (request, append) => {
      if (!request.facts.some(({ type }) => type === 'step_called') || failures === 0) return append(request);
      failures -= 1;
      if (what === 'durable') await append(request);
      throw new DomainError('unavailable', 'no answer');
    };
    const runId = await scene.submit('outer');
    await scene.clock.advance(500);
    expect(failures).toBe(0);
    expect(await scene.children(runId)).toMatchObject([{ status: 'running' }]);
    await scene.close();
  });
});

describe('when the answer to the end of a called run is lost', () => {
  test('its caller gets the result at once, not by a sweep', async () => {
    const scene = await createScene({ dags: [calling(), dagOf([stepOf('work')], { name: 'inner' })] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    let failures = 1;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      const isEnd = request.runId !== runId && request.facts.some(({ type }) => type === 'run_finished');
      if (!isEnd || failures === 0) return outcome;
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    await scene.answer(worker, 0);
    await scene.clock.advance(500);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});
