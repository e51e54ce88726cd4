import type { Dag, Step } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

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
    callOf('go', 'inner', { count: '${steps.first.outputs.count}' }, { depends: ['first'] }),
    stepOf('last', {
      depends: ['go'],
      action: { kind: 'shell', commands: ['echo ${steps.go.outputs.sum} ${steps.go.outputs.text}'] },
    }),
  ],
  { name: 'outer' },
);
const plainInner = dagOf([stepOf('work')], { name: 'inner' });
const calling = (fields: Partial<Step> = {}): Dag => dagOf([callOf('go', 'inner', {}, fields)], { name: 'outer' });

describe('a called DAG', () => {
  test('is a run of its own, gets params with their types and gives its outputs back', async () => {
    const scene = await createScene({ dags: [outer, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0, { status: 'succeeded' }, { count: { inline: 7 } });
    const [child] = await scene.children(runId);
    expect(await scene.view(child!.runId)).toMatchObject({
      dag: 'inner',
      parentRunId: runId,
      rootRunId: runId,
      status: 'running',
      params: { count: 7, who: 'world' },
    });
    expect((await scene.view(runId)).steps[1]).toMatchObject({
      id: 'go',
      status: 'waiting',
      childRunId: child!.runId,
    });
    await scene.answer(worker, 1, { status: 'succeeded' }, { sum: { inline: 12 } });
    expect((await scene.view(runId)).steps[1]).toMatchObject({
      status: 'succeeded',
      outputs: { sum: 12, text: 'sum 12' },
    });
    expect(worker.offers[2]?.refs).toEqual({
      'steps.go.outputs.sum': { inline: 12 },
      'steps.go.outputs.text': { inline: 'sum 12' },
    });
    await scene.answer(worker, 2);
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
    await scene.answer(worker, 0, { status: 'succeeded' }, { hidden: { inline: 1 } }, 'geese');
    await scene.answer(worker, 1);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'succeeded', outputs: { WHO: 'geese' } });
    await scene.close();
  });

  test('is in no list of roots, and in that of its caller', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const runId = await scene.submit('outer');
    const roots = await scene.coordinator.listRuns({ tenant: defaultTenant, limit: 10 });
    expect(roots.items.map((run) => run.runId)).toEqual([runId]);
    expect(await scene.children(runId)).toMatchObject([{ dag: 'inner', parentRunId: runId }]);
    await scene.close();
  });

  test('never waits for the admission window, and takes no place in it', async () => {
    const scene = await createScene({ dags: [calling(), plainInner], config: { minWindow: 2 } });
    const runs = [await scene.submit('outer'), await scene.submit('outer'), await scene.submit('outer')];
    const statuses = async () => Promise.all(runs.map((runId) => scene.status(runId)));
    expect(await statuses()).toEqual(['running', 'running', 'queued']);
    for (const runId of runs.slice(0, 2)) expect(await scene.children(runId)).toMatchObject([{ status: 'running' }]);
    await scene.restart();
    expect(await statuses()).toEqual(['running', 'running', 'queued']);
    const worker = await scene.join();
    await scene.answer(worker, 0);
    await scene.answer(worker, 1);
    await scene.clock.advance(1_500);
    expect(await statuses()).toEqual(['succeeded', 'succeeded', 'running']);
    await scene.close();
  });

  test('stays the one that admission found, whatever is published later', async () => {
    const before = dagOf([stepOf('old')], { name: 'inner' });
    const chain = dagOf([stepOf('first'), callOf('go', 'inner', {}, { depends: ['first'] })], { name: 'outer' });
    const scene = await createScene({ dags: [chain, before] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.publish([chain, dagOf([stepOf('new')], { name: 'inner' })]);
    await scene.answer(worker, 0);
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).steps.map(({ id }) => id)).toEqual(['old']);
    expect((await scene.view(runId)).dags).toMatchObject({ inner: expect.any(String) as string });
    await scene.close();
  });

  test('may be a document of the same file, also for its siblings', async () => {
    const leaf = dagOf([stepOf('leaf-step')], { name: 'leaf' });
    const middle = dagOf([callOf('deeper', 'leaf')], { name: 'middle' });
    const root = dagOf([callOf('go', 'middle')], { name: 'outer', subDags: { leaf, middle } });
    const scene = await createScene({ dags: [root] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    expect(worker.offers.map(({ dagName, step }) => `${dagName} ${step}`)).toEqual(['leaf leaf-step']);
    const [child] = await scene.children(runId);
    const [grandchild] = await scene.children(child!.runId);
    expect(await scene.view(grandchild!.runId)).toMatchObject({ parentRunId: child!.runId, rootRunId: runId });
    await scene.answer(worker, 0);
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
      [stepOf('first'), callOf('go', 'inner', { text: '${steps.first.outputs.text}' }, { depends: ['first'] })],
      {
        name: 'outer',
      },
    );
    const scene = await createScene({ dags: [gives, takes] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0, { status: 'succeeded' }, { text: { inline: big } });
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).params).toEqual({ text: big });
    await scene.answer(worker, 1);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await scene.coordinator.readOutput(defaultTenant, runId, 'go', 'back')).toBe(`<${big}>`);
    const returned = (await scene.facts(runId)).find(({ type }) => type === 'step_returned');
    expect(returned).toMatchObject({ result: { outputs: { back: { digest: expect.any(String) as string } } } });
    await scene.close();
  });

  test('inherits priority, routing context and distrust, and gets the timeout of its step', async () => {
    const scene = await createScene({ dags: [calling({ timeoutMs: 5_000 }), plainInner] });
    const runId = await scene.submit('outer', { priority: 3, routingContext: { user: 'u' }, untrustedInput: true });
    const [child] = await scene.children(runId);
    expect((await scene.facts(child!.runId))[0]).toMatchObject({
      priority: 3,
      routingContext: { user: 'u' },
      untrustedInput: true,
      timeoutMs: 5_000,
      source: { kind: 'call', parentRunId: runId, step: 'go', attempt: 1, rootRunId: runId, depth: 1 },
    });
    await scene.clock.advance(6_000);
    expect((await scene.view(runId)).error).toMatchObject({ code: 'deadline_exceeded' });
    await scene.close();
  });
});

describe('a call that may not be', () => {
  test('params that the DAG does not take fail the step with every field, and nothing is created', async () => {
    const wrong = dagOf([callOf('go', 'inner', { count: 'many', colour: 'red' })], { name: 'outer' });
    const scene = await createScene({ dags: [wrong, inner] });
    const runId = await scene.submit('outer');
    expect((await scene.view(runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_argument',
        details: { problems: [{ field: 'params.count' }, { field: 'params.colour' }] },
      },
    });
    expect(await scene.children(runId)).toEqual([]);
    await scene.close();
  });

  test('params that are too large fail the step, and nothing is created', async () => {
    const takes = dagOf([stepOf('work')], {
      name: 'inner',
      params: [{ name: 'text', type: 'string', required: true }],
    });
    const gives = dagOf([callOf('go', 'inner', { text: '${params.half}${params.half}' })], {
      name: 'outer',
      params: [{ name: 'half', type: 'string', required: true }],
    });
    const scene = await createScene({ dags: [gives, takes] });
    const runId = await scene.submit('outer', { params: { half: 'x'.repeat(150 * 1024) } });
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'failed', error: { code: 'too_large' } });
    expect(await scene.children(runId)).toEqual([]);
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
    expect((await scene.view(refused)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_argument', message: expect.stringContaining('inland') as string },
    });
    const taken = await scene.submit('outer', { params: { rest: 'set' } });
    expect(await scene.children(taken)).toMatchObject([{ dag: 'inset' }]);
    await scene.close();
  });

  test('a precondition that is not met skips the step, one that is met lets it call', async () => {
    const conditional = dagOf(
      [
        callOf(
          'go',
          'inner',
          {},
          { preconditions: [{ condition: '${params.day}', expected: 'monday', negate: false }] },
        ),
      ],
      { name: 'outer', params: [{ name: 'day', type: 'string', required: true }] },
    );
    const scene = await createScene({ dags: [conditional, plainInner] });
    const skipped = await scene.submit('outer', { params: { day: 'sunday' } });
    expect((await scene.view(skipped)).steps[0]).toMatchObject({
      status: 'skipped',
      skipReason: 'precondition_not_met',
    });
    expect(await scene.children(skipped)).toEqual([]);
    const called = await scene.submit('outer', { params: { day: 'monday' } });
    expect(await scene.children(called)).toHaveLength(1);
    await scene.close();
  });

  test('a DAG that calls itself without end comes to one, sixteen calls deep', async () => {
    const scene = await createScene({ dags: [dagOf([callOf('again', 'loop')], { name: 'loop' })] });
    const runId = await scene.submit('loop');
    for (let settles = 0; settles < 10; settles += 1) await scene.settle();
    let depth = 0;
    for (let [child] = await scene.children(runId); child !== undefined; [child] = await scene.children(child.runId))
      depth += 1;
    expect(depth).toBe(16);
    expect(await scene.view(runId)).toMatchObject({ status: 'failed', error: { code: 'resource_exhausted' } });
    await scene.close();
  });

  test('a tree that has all the runs that it may have grows no further', async () => {
    const scene = await createScene({ dags: [calling(), plainInner] });
    const leaf = await scene.submit('inner');
    const head = (await scene.stores.runs.readHead(defaultTenant, leaf))!;
    const { runs } = scene.stores;
    const real = runs.listRuns.bind(runs);
    runs.listRuns = async (filter) =>
      filter.parentRunId === undefined
        ? real(filter)
        : { items: Array.from({ length: 1_000 }, () => head), nextCursor: 'more' };
    const runId = await scene.submit('outer');
    expect((await scene.view(runId)).steps[0]).toMatchObject({
      status: 'failed',
      error: { code: 'resource_exhausted' },
    });
    runs.listRuns = real;
    expect(await scene.children(runId)).toEqual([]);
    await scene.close();
  });
});

describe('calls in a fan-out', () => {
  test('run at most so many at once, get their item with its type, and give their results in item order', async () => {
    const fan = dagOf(
      [
        callOf(
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
    expect(await scene.children(runId)).toHaveLength(2);
    for (let place = 0; place < 3; place += 1)
      await scene.answer(worker, place, { status: 'succeeded' }, { sum: { inline: place } });
    const params = await Promise.all(
      (await scene.children(runId)).map(async (child) => (await scene.view(child.runId)).params),
    );
    expect(params.map(({ count }) => Number(count)).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(await scene.coordinator.readOutput(defaultTenant, runId, 'each', 'results')).toEqual([
      { item: { n: 1 }, status: 'succeeded', outputs: { sum: 0, text: 'sum 0' } },
      { item: { n: 2 }, status: 'succeeded', outputs: { sum: 1, text: 'sum 1' } },
      { item: { n: 3 }, status: 'succeeded', outputs: { sum: 2, text: 'sum 2' } },
    ]);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});
