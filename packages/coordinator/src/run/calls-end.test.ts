import type { Dag, Step } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import type { Scene } from '@skein/testkit';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const plainInner = dagOf([stepOf('work')], { name: 'inner' });
const calling = (fields: Partial<Step> = {}): Dag => dagOf([callOf('go', 'inner', {}, fields)], { name: 'outer' });
const no = { status: 'failed', error: { code: 'internal', message: 'no' } } as const;
const never = () => new Promise<never>(() => undefined);

describe('a called DAG that does not succeed', () => {
  test('fails its step with its own code, and says which run it was', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0, { status: 'failed', error: { code: 'too_large', message: 'no room' } });
    const [child] = await scene.children(runId);
    expect((await scene.view(runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: {
        code: 'too_large',
        message: `DAG "inner" (run ${child!.runId}) failed: step work failed: no room`,
      },
    });
    expect(await scene.status(runId)).toBe('failed');
    await scene.close();
  });

  test('is called again by the retry policy, as a new run', async () => {
    const policy = { limit: 1, intervalMs: 1_000, backoff: 1, exitCodes: [] };
    const scene = await createScene({ dags: [calling({ retryPolicy: policy }), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0, no);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'retrying', attempt: 1 });
    await scene.clock.advance(1_500);
    await scene.answer(worker, 1);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect((await scene.children(runId)).map(({ status }) => status)).toEqual(['succeeded', 'failed']);
    await scene.close();
  });

  test('whose outputs name what does not exist fails its step', async () => {
    const empty = dagOf([stepOf('work')], { name: 'inner', outputs: { x: '${steps.work.outputs.none}' } });
    const scene = await createScene({ dags: [calling(), empty] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0);
    expect((await scene.view(runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_argument',
        message: expect.stringContaining('its outputs cannot be given back') as string,
      },
    });
    await scene.close();
  });

  test('that somebody else cancelled fails its step', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const runId = await scene.submit('outer');
    const [child] = await scene.children(runId);
    await scene.coordinator.cancelRun(defaultTenant, child!.runId, 'someone');
    await scene.settle();
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    await scene.close();
  });
});

describe('a cancel', () => {
  const tree = [
    dagOf([callOf('go', 'middle')], { name: 'outer' }),
    dagOf([callOf('down', 'inner')], { name: 'middle' }),
    plainInner,
  ];

  test('reaches the whole tree, and the root ends when all of it has', async () => {
    const scene = await createScene({ dags: tree });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    worker.start(worker.offers[0]!);
    await scene.settle();
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone else');
    await scene.settle();
    expect(worker.of('cancel')).toHaveLength(1);
    expect(await scene.status(runId)).toBe('running');
    await scene.answer(worker, 0, { status: 'cancelled' });
    const [middle] = await scene.children(runId);
    const [leaf] = await scene.children(middle!.runId);
    expect([await scene.status(runId), middle!.status, leaf!.status]).toEqual(['cancelled', 'cancelled', 'cancelled']);
    await scene.close();
  });

  test('by the timeout of the caller reaches its children', async () => {
    const scene = await createScene({ dags: [{ ...calling(), timeoutMs: 2_000 }, plainInner] });
    const runId = await scene.submit('outer');
    await scene.clock.advance(3_000);
    expect((await scene.children(runId)).map(({ status }) => status)).toEqual(['cancelled']);
    expect(await scene.view(runId)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    await scene.close();
  });

  test('is told again while the child cannot be reached', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const runId = await scene.submit('outer');
    const [child] = await scene.children(runId);
    scene.onAppend = (request, append) =>
      request.runId === child!.runId ? Promise.reject(new DomainError('unavailable', 'away')) : append(request);
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.clock.advance(2_000);
    expect(await scene.status(child!.runId)).toBe('running');
    scene.onAppend = (request, append) => append(request);
    await scene.clock.advance(10_000);
    expect([await scene.status(child!.runId), await scene.status(runId)]).toEqual(['cancelled', 'cancelled']);
    await scene.close();
  });
});

describe('a coordinator that dies', () => {
  test('between the call and the creation of its run: the next one creates it, under the same id', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    scene.onAppend = (request, append) => (request.creation?.source.kind === 'call' ? never() : append(request));
    const runId = await scene.submit('outer');
    const called = (await scene.facts(runId)).find(({ type }) => type === 'step_called') as { childRunId: string };
    expect(await scene.status(called.childRunId)).toBeUndefined();
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    expect(await scene.children(runId)).toMatchObject([{ runId: called.childRunId, status: 'running' }]);
    const worker = await scene.join();
    await scene.answer(worker, 0);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('before a call is durable: the run of that call never exists', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    scene.onAppend = (request, append) =>
      request.facts.some(({ type }) => type === 'step_called') ? never() : append(request);
    const runId = await scene.submit('outer');
    const calledBy = (appends: Scene['appends']) =>
      appends.flatMap(({ facts }) => facts.flatMap((fact) => (fact.type === 'step_called' ? [fact.childRunId] : [])));
    const [lost] = calledBy(scene.appends);
    expect(scene.appends.some(({ creation }) => creation?.source.kind === 'call')).toBe(false);
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    const children = await scene.children(runId);
    expect(children).toHaveLength(1);
    expect(children[0]?.runId).not.toBe(lost);
    await scene.close();
  });

  test('between the end of the child and its return: the next one collects it, once', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    scene.onAppend = (request, append) =>
      request.facts.some(({ type }) => type === 'step_returned') ? never() : append(request);
    await scene.answer(worker, 0);
    expect((await scene.children(runId)).map(({ status }) => status)).toEqual(['succeeded']);
    expect(await scene.status(runId)).toBe('running');
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    expect(await scene.types(runId)).toEqual([
      'run_submitted',
      'run_admitted',
      'step_called',
      'step_returned',
      'run_finished',
    ]);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('after a cancel and before the child exists: it is created, ended, and the tree ends cancelled', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    scene.onAppend = (request, append) => (request.creation?.source.kind === 'call' ? never() : append(request));
    const runId = await scene.submit('outer');
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await scene.settle();
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    expect(await scene.status(runId)).toBe('cancelled');
    const [child] = await scene.children(runId);
    expect(await scene.types(child!.runId)).toEqual(['run_submitted', 'cancel_requested', 'run_finished']);
    await scene.close();
  });

  test('with a running tree: all of it goes on', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    const offer = worker.offers[0]!;
    await scene.restart();
    const again = scene.connect(worker.info);
    again.hello({
      running: [{ runId: offer.runId, step: offer.step, attempt: offer.attempt, token: offer.token, started: true }],
    });
    await scene.settle();
    again.finish(offer);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});

describe('a store that answers badly', () => {
  test.each(['created', 'not created'] as const)(
    'when the answer to the creation is lost and it was %s, there is one child',
    async (what) => {
      const scene = await createScene({ dags: [calling(), plainInner] });
      const worker = await scene.join();
      let failures = 2;
      scene.onAppend = async (request, append) => {
        if (request.creation?.source.kind !== 'call' || failures === 0) return append(request);
        failures -= 1;
        if (what === 'created') await append(request);
        throw new DomainError('unavailable', 'no answer');
      };
      const runId = await scene.submit('outer');
      await scene.clock.advance(3_000);
      expect(await scene.children(runId)).toHaveLength(1);
      await scene.answer(worker, 0);
      expect(await scene.status(runId)).toBe('succeeded');
      await scene.close();
    },
  );

  test('when the answer to the return is lost, it is recorded once', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    let failures = 1;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (!request.facts.some(({ type }) => type === 'step_returned') || failures === 0) return outcome;
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    await scene.answer(worker, 0);
    await scene.clock.advance(3_000);
    expect((await scene.types(runId)).filter((type) => type === 'step_returned')).toHaveLength(1);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('a run whose creation is refused as out of date is tried a few times, then its step fails', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    let tries = 0;
    scene.onAppend = (request, append) => {
      if (request.creation?.source.kind !== 'call') return append(request);
      tries += 1;
      return Promise.reject(new DomainError('version_conflict', 'the snapshot is gone'));
    };
    const runId = await scene.submit('outer');
    await scene.clock.advance(500);
    expect(await scene.status(runId)).toBe('running');
    await scene.clock.advance(20_000);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'failed', error: { code: 'version_conflict' } });
    expect(tries).toBe(6);
    await scene.close();
  });

  test('a run that can never be created fails its step', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    scene.onAppend = (request, append) =>
      request.creation?.source.kind === 'call'
        ? Promise.reject(new DomainError('too_large', 'no store takes it', { limit: 1 }))
        : append(request);
    const runId = await scene.submit('outer');
    await scene.clock.advance(1_000);
    expect((await scene.view(runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'too_large', message: expect.stringContaining('DAG "inner"') as string },
    });
    await scene.close();
  });
});
