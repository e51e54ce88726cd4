import { defaultTenant } from '@skein/domain';
import type { Scene, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const plainNamed = (name: string, count = 1) =>
  dagOf(
    Array.from({ length: count }, (_, index) => stepOf(`s${index}`)),
    { name },
  );

/** Finishes offers one by one, as a worker with one slot would; answers the run of each in order. */
const workThrough = async (scene: Scene, worker: ScriptedWorker, count: number): Promise<string[]> => {
  const runs: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const offer = worker.offers[index]!;
    runs.push(offer.runId);
    worker.finish(offer);
    worker.credits(1);
    await scene.settle();
  }
  return runs;
};

describe('who gets a slot', () => {
  test('DAGs take turns, however many steps one of them has', async () => {
    const scene = await createScene({ dags: [plainNamed('big', 6), plainNamed('small')] });
    const big = await scene.submit('big');
    const small = await scene.submit('small');
    const worker = await scene.join();
    const order = await workThrough(scene, worker, 4);
    expect(order.slice(0, 2).toSorted()).toEqual([big, small].toSorted());
    expect(order.filter((runId) => runId === big)).toHaveLength(3);
    await scene.close();
  });

  test('classes that fit the same worker take turns, however many tasks of one of them wait', async () => {
    const zoned = dagOf([stepOf('a', { workerSelector: { zone: 'a' } })], { name: 'zoned' });
    const scene = await createScene({ dags: [plainNamed('big', 8), zoned] });
    const big = await scene.submit('big');
    const small = await scene.submit('zoned');
    const worker = await scene.join({ labels: { zone: 'a' } });
    const order = await workThrough(scene, worker, 4);
    expect(order.filter((runId) => runId === small)).toHaveLength(1);
    expect(order.filter((runId) => runId === big)).toHaveLength(3);
    await scene.close();
  });

  test('a higher priority goes first within a DAG', async () => {
    const scene = await createScene({ dags: [plainNamed('one')] });
    const low = await scene.submit('one', { priority: 0 });
    const high = await scene.submit('one', { priority: 5 });
    const worker = await scene.join();
    expect(await workThrough(scene, worker, 2)).toEqual([high, low]);
    await scene.close();
  });

  test('a task goes only to workers with its labels, and the view says why it waits', async () => {
    const dag = dagOf([stepOf('a', { workerSelector: { gpu: 'yes' } })], { name: 'gpu' });
    const scene = await createScene({ dags: [dag] });
    const runId = await scene.submit('gpu');
    const reason = async () => (await scene.coordinator.getRun('default', runId)).steps[0]?.waitReason;
    expect(await reason()).toBe('no_worker_connected');
    const wrong = await scene.join();
    expect(wrong.offers).toEqual([]);
    const right = await scene.join({ labels: { gpu: 'yes' } });
    expect(right.offers).toHaveLength(1);
    await scene.close();
  });

  test('a draining worker gets nothing new', async () => {
    const scene = await createScene({ dags: [plainNamed('one')] });
    const worker = await scene.join();
    scene.coordinator.drainWorker(defaultTenant, worker.info.workerId);
    await scene.submit('one');
    expect(worker.of('drain')).toHaveLength(1);
    expect(worker.offers).toEqual([]);
    await scene.close();
  });

  test('a fan-out never holds more leases than it may', async () => {
    const fan = dagOf([stepOf('f', { foreach: { items: [1, 2, 3, 4, 5], maxConcurrent: 2 } })], { name: 'fan' });
    const scene = await createScene({ dags: [fan] });
    const worker = await scene.join({ slots: 8 });
    await scene.submit('fan');
    expect(worker.offers.map(({ step, item }) => [step, item?.value])).toEqual([
      ['f[0]', { inline: 1 }],
      ['f[1]', { inline: 2 }],
    ]);
    await scene.close();
  });
});

describe('what an offer carries', () => {
  test('references arrive resolved: params, outputs, stdout, exit code, items and upstream output names', async () => {
    const dag = dagOf(
      [
        stepOf('a', { output: 'OUT_A', outputs: [{ name: 'o', type: 'object' }] }),
        stepOf('b', {
          depends: ['a'],
          action: {
            kind: 'shell',
            commands: [
              'echo ${params.who} ${steps.a.outputs.o.deep.er} ${steps.a.stdout} ${steps.a.exit_code} ${run.id} ${env.HOME}',
            ],
          },
        }),
      ],
      { name: 'refs', params: [{ name: 'who', type: 'string', required: false, default: 'you' }] },
    );
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const runId = await scene.submit('refs');
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, { o: { inline: { deep: { er: [7] } } } }, 'said');
    worker.credits(1);
    await scene.settle();
    expect(worker.offers[1]).toMatchObject({
      refs: {
        'params.who': { inline: 'you' },
        'steps.a.outputs.o.deep.er': { inline: [7] },
        'steps.a.stdout': { inline: 'said' },
        'steps.a.exit_code': { inline: 0 },
        'run.id': { inline: runId },
      },
      upstreamEnv: { OUT_A: { inline: 'said' } },
    });
    expect(Object.keys(worker.offers[1]!.refs)).not.toContain('env.HOME');
    await scene.close();
  });

  test('a reference to an output that is not there fails the step with its name, before any lease', async () => {
    const dag = dagOf(
      [
        stepOf('a'),
        stepOf('b', { depends: ['a'], action: { kind: 'shell', commands: ['echo ${steps.a.outputs.gone}'] } }),
      ],
      { name: 'missing' },
    );
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const runId = await scene.submit('missing');
    worker.finish(worker.offers[0]!);
    await scene.settle();
    const view = await scene.coordinator.getRun('default', runId);
    expect(view.steps[1]).toMatchObject({
      status: 'failed',
      attempt: 0,
      error: { message: expect.stringContaining('steps.a.outputs.gone') as string },
    });
    await scene.close();
  });

  test('a large output stays by digest, is read inside by path, and its results are assembled for dependants', async () => {
    const dag = dagOf(
      [
        stepOf('a', { outputs: [{ name: 'big', type: 'object' }] }),
        stepOf('f', {
          depends: ['a'],
          foreach: { items: '${steps.a.outputs.big.list}', maxConcurrent: 9 },
          outputs: [{ name: 'n', type: 'any' }],
        }),
        stepOf('end', {
          depends: ['a', 'f'],
          action: {
            kind: 'shell',
            commands: ['echo ${steps.f.outputs.results} ${steps.a.outputs.big} ${steps.a.outputs.big.text}'],
          },
        }),
      ],
      { name: 'large' },
    );
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join({ slots: 4 });
    const runId = await scene.submit('large');
    const text = 'y'.repeat(50_000);
    const bytes = new TextEncoder().encode(JSON.stringify({ list: ['p', 'q'], text }));
    const digest = await scene.stores.blobs.put('default', bytes);
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, { big: { digest, bytes: bytes.length } });
    worker.credits(4);
    await scene.settle();
    await scene.settle();
    const items = worker.offers.slice(1);
    expect(items.map(({ item }) => item?.value)).toEqual([{ inline: 'p' }, { inline: 'q' }]);
    worker.finish(items[0]!, { status: 'succeeded' }, { n: { inline: 1 } });
    worker.finish(items[1]!, { status: 'succeeded' }, { n: { inline: 2 } });
    worker.credits(4);
    await scene.settle();
    await scene.settle();
    const end = worker.offers[3]!;
    expect(end.refs['steps.f.outputs.results']).toEqual({
      inline: [
        { item: 'p', status: 'succeeded', outputs: { n: 1 } },
        { item: 'q', status: 'succeeded', outputs: { n: 2 } },
      ],
    });
    expect(end.refs['steps.a.outputs.big']).toEqual({ digest, bytes: bytes.length });
    expect(end.refs['steps.a.outputs.big.text']).toMatchObject({ bytes: text.length + 2 });
    expect(await scene.coordinator.readOutput('default', runId, 'f', 'results')).toHaveLength(2);
    expect(await scene.coordinator.readOutput('default', runId, 'a', 'big')).toMatchObject({ list: ['p', 'q'] });
    await scene.close();
  });

  test('items that are no list fail the step with what they are', async () => {
    const dag = dagOf(
      [stepOf('a'), stepOf('f', { depends: ['a'], foreach: { items: '${steps.a.stdout}', maxConcurrent: 1 } })],
      { name: 'nolist' },
    );
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const runId = await scene.submit('nolist');
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, {}, '{"a": 1}');
    await scene.settle();
    const view = await scene.coordinator.getRun('default', runId);
    expect(view.steps[1]).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('must be a list') as string },
    });
    await scene.close();
  });

  test('outputs that would not fit into one fact are moved out before they are recorded', async () => {
    const dag = dagOf([stepOf('a', { outputs: [{ name: 'x', type: 'string' }] })], { name: 'sum' });
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const runId = await scene.submit('sum');
    const outputs = Object.fromEntries(['x', 'y', 'z'].map((name) => [name, { inline: name.repeat(30_000) }]));
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, outputs);
    await scene.settle();
    const finished = (await scene.facts(runId)).find(({ type }) => type === 'step_finished');
    expect(JSON.stringify(finished).length).toBeLessThan(64 * 1024);
    expect(await scene.coordinator.readOutput('default', runId, 'a', 'z')).toBe('z'.repeat(30_000));
    await scene.close();
  });
});
