import type { Dag, JsonValue, Step } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import type { Scene, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const call = (id: string, dag: string, params: { [name: string]: JsonValue } = {}, fields: Partial<Step> = {}): Step =>
  stepOf(id, { action: { kind: 'call', dag, params }, ...fields });

const inner = dagOf([stepOf('work', { outputs: [{ name: 'sum', type: 'integer' }] })], {
  name: 'inner',
  params: [
    { name: 'count', type: 'integer', required: true },
    { name: 'who', type: 'string', required: false, default: 'world' },
  ],
  outputs: { sum: '${steps.work.outputs.sum}', text: 'sum ${steps.work.outputs.sum}' },
});
const outer = dagOf(
  [
    stepOf('first'),
    call('go', 'inner', { count: '${steps.first.outputs.count}' }, { depends: ['first'] }),
    stepOf('last', {
      depends: ['go'],
      action: { kind: 'shell', commands: ['echo ${steps.go.outputs.sum} ${steps.go.outputs.text}'] },
    }),
  ],
  { name: 'outer' },
);
const plainInner = dagOf([stepOf('work')], { name: 'inner' });
const calling = (fields: Partial<Step> = {}): Dag => dagOf([call('go', 'inner', {}, fields)], { name: 'outer' });
const no = { status: 'failed', error: { code: 'internal', message: 'no' } } as const;

const childrenOf = async (scene: Scene, parentRunId: string) =>
  (await scene.coordinator.listRuns({ tenant: defaultTenant, parentRunId, limit: 100 })).items;
const view = (scene: Scene, runId: string) => scene.coordinator.getRun(defaultTenant, runId);
/** Answers the offer at this place, when it has come, and gives the slot back. */
const finishAt = async (
  scene: Scene,
  worker: ScriptedWorker,
  place: number,
  ...rest: Parameters<ScriptedWorker['finish']> extends [unknown, ...infer R] ? R : never
): Promise<void> => {
  const offer = worker.offers[place];
  if (offer === undefined) throw new Error(`there is no offer ${place}`);
  worker.finish(offer, ...rest);
  worker.credits(1);
  await scene.settle();
};
const never = () => new Promise<never>(() => undefined);

describe('a called DAG', () => {
  test('is a run of its own, gets params with their types and gives its outputs back', async () => {
    const scene = await createScene({ dags: [outer, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await finishAt(scene, worker, 0, { status: 'succeeded' }, { count: { inline: 7 } });
    const [child] = await childrenOf(scene, runId);
    expect(await view(scene, child!.runId)).toMatchObject({
      dag: 'inner',
      parentRunId: runId,
      rootRunId: runId,
      status: 'running',
      params: { count: 7, who: 'world' },
    });
    expect((await view(scene, runId)).steps[1]).toMatchObject({
      id: 'go',
      status: 'waiting',
      childRunId: child!.runId,
    });
    await finishAt(scene, worker, 1, { status: 'succeeded' }, { sum: { inline: 12 } });
    expect((await view(scene, runId)).steps[1]).toMatchObject({
      status: 'succeeded',
      outputs: { sum: 12, text: 'sum 12' },
    });
    expect(worker.offers[2]?.refs).toEqual({
      'steps.go.outputs.sum': { inline: 12 },
      'steps.go.outputs.text': { inline: 'sum 12' },
    });
    await finishAt(scene, worker, 2);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await scene.types(child!.runId)).toEqual([
      'run_submitted',
      'run_admitted',
      'step_leased',
      'step_finished',
      'run_finished',
    ]);
    await scene.close();
  });

  test('without declared outputs gives what its steps capture by name', async () => {
    const named = dagOf([stepOf('a', { output: 'WHO' }), stepOf('b', { depends: ['a'] })], { name: 'inner' });
    const scene = await createScene({ dags: [calling(), named] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await finishAt(scene, worker, 0, { status: 'succeeded' }, { hidden: { inline: 1 } }, 'geese');
    await finishAt(scene, worker, 1);
    expect((await view(scene, runId)).steps[0]).toMatchObject({ status: 'succeeded', outputs: { WHO: 'geese' } });
    await scene.close();
  });

  test('is in no list of roots, and in that of its caller', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const runId = await scene.submit('outer');
    const roots = await scene.coordinator.listRuns({ tenant: defaultTenant, limit: 10 });
    expect(roots.items.map((run) => run.runId)).toEqual([runId]);
    expect(await childrenOf(scene, runId)).toMatchObject([{ dag: 'inner', parentRunId: runId }]);
    await scene.close();
  });

  test('never waits for the admission window, and takes no place in it', async () => {
    const scene = await createScene({ dags: [calling(), plainInner], config: { minWindow: 1 } });
    const worker = await scene.join({ slots: 4, kinds: [] });
    worker.credits(0);
    const runs = [await scene.submit('outer'), await scene.submit('outer')];
    expect(await Promise.all(runs.map((runId) => scene.status(runId)))).toEqual(['running', 'running']);
    for (const runId of runs) expect(await childrenOf(scene, runId)).toMatchObject([{ status: 'running' }]);
    await scene.close();
  });

  test('stays the one that admission found, whatever is published later', async () => {
    const before = dagOf([stepOf('old')], { name: 'inner' });
    const chain = dagOf([stepOf('first'), call('go', 'inner', {}, { depends: ['first'] })], { name: 'outer' });
    const scene = await createScene({ dags: [chain, before] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.publish([chain, dagOf([stepOf('new')], { name: 'inner' })]);
    await finishAt(scene, worker, 0);
    const [child] = await childrenOf(scene, runId);
    expect((await view(scene, child!.runId)).steps.map(({ id }) => id)).toEqual(['old']);
    expect((await view(scene, runId)).dags).toMatchObject({ inner: expect.any(String) as string });
    await scene.close();
  });

  test('may be a document of the same file, also for its siblings', async () => {
    const leaf = dagOf([stepOf('leaf-step')], { name: 'leaf' });
    const middle = dagOf([call('deeper', 'leaf')], { name: 'middle' });
    const root = dagOf([call('go', 'middle')], { name: 'outer', subDags: { leaf, middle } });
    const scene = await createScene({ dags: [root] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    expect(worker.offers.map(({ dagName, step }) => `${dagName} ${step}`)).toEqual(['leaf leaf-step']);
    const [child] = await childrenOf(scene, runId);
    const [grandchild] = await childrenOf(scene, child!.runId);
    expect(await view(scene, grandchild!.runId)).toMatchObject({ parentRunId: child!.runId, rootRunId: runId });
    await finishAt(scene, worker, 0);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('gets large params, and gives large outputs back, by digest', async () => {
    const big = 'x'.repeat(60_000);
    const takes = dagOf([stepOf('work')], {
      name: 'inner',
      params: [{ name: 'text', type: 'string', required: true }],
      outputs: { back: '<${params.text}>' },
    });
    const gives = dagOf(
      [stepOf('first'), call('go', 'inner', { text: '${steps.first.outputs.text}' }, { depends: ['first'] })],
      {
        name: 'outer',
      },
    );
    const scene = await createScene({ dags: [gives, takes] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await finishAt(scene, worker, 0, { status: 'succeeded' }, { text: { inline: big } });
    const [child] = await childrenOf(scene, runId);
    expect((await view(scene, child!.runId)).params).toEqual({ text: big });
    await finishAt(scene, worker, 1);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await scene.coordinator.readOutput(defaultTenant, runId, 'go', 'back')).toBe(`<${big}>`);
    const returned = (await scene.facts(runId)).find(({ type }) => type === 'step_returned');
    expect(returned).toMatchObject({ result: { outputs: { back: { digest: expect.any(String) as string } } } });
    await scene.close();
  });

  test('inherits priority, routing context and distrust, and gets the timeout of its step', async () => {
    const scene = await createScene({ dags: [calling({ timeoutMs: 5_000 }), plainInner] });
    const runId = await scene.submit('outer', { priority: 3, routingContext: { user: 'u' }, untrustedInput: true });
    const [child] = await childrenOf(scene, runId);
    expect((await scene.facts(child!.runId))[0]).toMatchObject({
      priority: 3,
      routingContext: { user: 'u' },
      untrustedInput: true,
      timeoutMs: 5_000,
      source: { kind: 'call', parentRunId: runId, step: 'go', attempt: 1, rootRunId: runId, depth: 1 },
    });
    await scene.clock.advance(6_000);
    expect((await view(scene, runId)).error).toMatchObject({ code: 'deadline_exceeded' });
    await scene.close();
  });
});

describe('a call that may not be', () => {
  test('params that the DAG does not take fail the step with every field, and nothing is created', async () => {
    const wrong = dagOf([call('go', 'inner', { count: 'many', colour: 'red' })], { name: 'outer' });
    const scene = await createScene({ dags: [wrong, inner] });
    const runId = await scene.submit('outer');
    expect((await view(scene, runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_argument',
        details: { problems: [{ field: 'params.count' }, { field: 'params.colour' }] },
      },
    });
    expect(await childrenOf(scene, runId)).toEqual([]);
    await scene.close();
  });

  test('a name that is none of the choices fails the step, one of them is called', async () => {
    const choosing = dagOf(
      [stepOf('go', { action: { kind: 'call', dag: 'in${params.rest}', choices: ['inner', 'inset'] } })],
      { name: 'outer', params: [{ name: 'rest', type: 'string', required: true }] },
    );
    const scene = await createScene({
      dags: [choosing, plainInner, dagOf([stepOf('a')], { name: 'inset' }), dagOf([stepOf('a')], { name: 'inland' })],
    });
    const refused = await scene.submit('outer', { params: { rest: 'land' } });
    expect((await view(scene, refused)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_argument', message: expect.stringContaining('inland') as string },
    });
    const taken = await scene.submit('outer', { params: { rest: 'set' } });
    expect(await childrenOf(scene, taken)).toMatchObject([{ dag: 'inset' }]);
    await scene.close();
  });

  test('a precondition that is not met skips the step, one that is met lets it call', async () => {
    const conditional = dagOf(
      [call('go', 'inner', {}, { preconditions: [{ condition: '${params.day}', expected: 'monday', negate: false }] })],
      { name: 'outer', params: [{ name: 'day', type: 'string', required: true }] },
    );
    const scene = await createScene({ dags: [conditional, plainInner] });
    const skipped = await scene.submit('outer', { params: { day: 'sunday' } });
    expect((await view(scene, skipped)).steps[0]).toMatchObject({
      status: 'skipped',
      skipReason: 'precondition_not_met',
    });
    expect(await childrenOf(scene, skipped)).toEqual([]);
    const called = await scene.submit('outer', { params: { day: 'monday' } });
    expect(await childrenOf(scene, called)).toHaveLength(1);
    await scene.close();
  });

  test('a DAG that calls itself without end comes to one, sixteen calls deep', async () => {
    const scene = await createScene({ dags: [dagOf([call('again', 'loop')], { name: 'loop' })] });
    const runId = await scene.submit('loop');
    for (let settles = 0; settles < 10; settles += 1) await scene.settle();
    let depth = 0;
    for (
      let [child] = await childrenOf(scene, runId);
      child !== undefined;
      [child] = await childrenOf(scene, child.runId)
    )
      depth += 1;
    expect(depth).toBe(16);
    expect(await view(scene, runId)).toMatchObject({ status: 'failed', error: { code: 'resource_exhausted' } });
    await scene.close();
  });

  test('a tree of ten thousand runs grows no further', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const leaf = await scene.submit('inner');
    const head = (await scene.stores.runs.readHead(defaultTenant, leaf))!;
    const { runs } = scene.stores;
    const real = runs.listRuns.bind(runs);
    runs.listRuns = async (filter) =>
      filter.parentRunId === undefined ? real(filter) : { items: new Array(1_000).fill(head), nextCursor: 'more' };
    const runId = await scene.submit('outer');
    expect((await view(scene, runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'resource_exhausted' },
    });
    runs.listRuns = real;
    expect(await childrenOf(scene, runId)).toEqual([]);
    await scene.close();
  });
});

describe('a called DAG that does not succeed', () => {
  test('fails its step with its own code, and says which run it was', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await finishAt(scene, worker, 0, { status: 'failed', error: { code: 'too_large', message: 'no room' } });
    const [child] = await childrenOf(scene, runId);
    expect((await view(scene, runId)).steps[0]).toMatchObject({
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
    await finishAt(scene, worker, 0, no);
    expect((await view(scene, runId)).steps[0]).toMatchObject({ status: 'retrying', attempt: 1 });
    await scene.clock.advance(1_500);
    await finishAt(scene, worker, 1);
    expect((await view(scene, runId)).steps[0]).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect((await childrenOf(scene, runId)).map(({ status }) => status)).toEqual(['succeeded', 'failed']);
    await scene.close();
  });

  test('whose outputs name what does not exist fails its step', async () => {
    const empty = dagOf([stepOf('work')], { name: 'inner', outputs: { x: '${steps.work.outputs.none}' } });
    const scene = await createScene({ dags: [calling(), empty] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await finishAt(scene, worker, 0);
    expect((await view(scene, runId)).steps[0]).toMatchObject({
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
    const [child] = await childrenOf(scene, runId);
    await scene.coordinator.cancelRun(defaultTenant, child!.runId, 'someone');
    await scene.settle();
    expect((await view(scene, runId)).steps[0]).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    await scene.close();
  });
});

describe('calls in a fan-out', () => {
  test('run at most so many at once, get their item with its type, and give their results in item order', async () => {
    const fan = dagOf(
      [
        call(
          'each',
          'inner',
          { count: '${item.n}' },
          { foreach: { items: [{ n: 1 }, { n: 2 }, { n: 3 }], maxConcurrent: 2 } },
        ),
      ],
      { name: 'outer' },
    );
    const scene = await createScene({ dags: [fan, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    expect(await childrenOf(scene, runId)).toHaveLength(2);
    for (let place = 0; place < 3; place += 1)
      await finishAt(scene, worker, place, { status: 'succeeded' }, { sum: { inline: place } });
    const params = await Promise.all(
      (await childrenOf(scene, runId)).map(async (child) => (await view(scene, child.runId)).params),
    );
    expect(params.map(({ count }) => count).toSorted()).toEqual([1, 2, 3]);
    expect(await scene.coordinator.readOutput(defaultTenant, runId, 'each', 'results')).toEqual([
      { item: { n: 1 }, status: 'succeeded', outputs: { sum: 0, text: 'sum 0' } },
      { item: { n: 2 }, status: 'succeeded', outputs: { sum: 1, text: 'sum 1' } },
      { item: { n: 3 }, status: 'succeeded', outputs: { sum: 2, text: 'sum 2' } },
    ]);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});

describe('a cancel', () => {
  const tree = [
    dagOf([call('go', 'middle')], { name: 'outer' }),
    dagOf([call('down', 'inner')], { name: 'middle' }),
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
    await finishAt(scene, worker, 0, { status: 'cancelled' });
    const [middle] = await childrenOf(scene, runId);
    const [leaf] = await childrenOf(scene, middle!.runId);
    expect([await scene.status(runId), middle!.status, leaf!.status]).toEqual(['cancelled', 'cancelled', 'cancelled']);
    await scene.close();
  });

  test('by the timeout of the caller reaches its children', async () => {
    const scene = await createScene({ dags: [{ ...calling(), timeoutMs: 2_000 }, plainInner] });
    const runId = await scene.submit('outer');
    await scene.clock.advance(3_000);
    expect((await childrenOf(scene, runId)).map(({ status }) => status)).toEqual(['cancelled']);
    expect(await view(scene, runId)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    await scene.close();
  });

  test('is told again while the child cannot be reached', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const runId = await scene.submit('outer');
    const [child] = await childrenOf(scene, runId);
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
    expect(await childrenOf(scene, runId)).toMatchObject([{ runId: called.childRunId, status: 'running' }]);
    const worker = await scene.join();
    await finishAt(scene, worker, 0);
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
    const children = await childrenOf(scene, runId);
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
    await finishAt(scene, worker, 0);
    expect((await childrenOf(scene, runId)).map(({ status }) => status)).toEqual(['succeeded']);
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
    const children = await childrenOf(scene, runId);
    expect(children.map(({ status }) => status)).toEqual(['cancelled']);
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
      expect(await childrenOf(scene, runId)).toHaveLength(1);
      await finishAt(scene, worker, 0);
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
    await finishAt(scene, worker, 0);
    await scene.clock.advance(3_000);
    expect((await scene.types(runId)).filter((type) => type === 'step_returned')).toHaveLength(1);
    expect(await scene.status(runId)).toBe('succeeded');
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
    expect((await view(scene, runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'too_large', message: expect.stringContaining('DAG "inner"') as string },
    });
    await scene.close();
  });
});
