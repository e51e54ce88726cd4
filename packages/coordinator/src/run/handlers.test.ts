import { defaultTenant } from '@skein/domain';
import { callOf, createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const no = { status: 'failed', error: { code: 'internal', message: 'broken pipe' } } as const;
const shell = (id: string, text: string) => stepOf(id, { action: { kind: 'shell', commands: [`echo ${text}`] } });

describe('handlers', () => {
  test('run around the graph under their own paths, and know how the run ends', async () => {
    const dag = dagOf([stepOf('a', { output: 'WHO' }), stepOf('b', { depends: ['a'] })], {
      name: 'handled',
      handlers: {
        init: shell('@init', '${run.status} ${steps.b.outputs.x}'),
        failure: shell('@failure', '${run.status} ${run.error} ${steps.a.outputs.WHO} ${steps.b.outputs.x}'),
        success: shell('@success', 'never'),
        exit: shell('@exit', '${run.id}'),
      },
    });
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    expect(worker.offers[0]).toMatchObject({
      step: '@init',
      stepId: '@init',
      refs: { 'run.status': { inline: 'running' }, 'steps.b.outputs.x': { inline: '' } },
      upstreamEnv: {},
    });
    await scene.answer(worker, 0);
    await scene.answer(worker, 1, { status: 'succeeded' }, {}, 'geese');
    await scene.answer(worker, 2, no);
    expect(await scene.status(runId)).toBe('running');
    expect(worker.offers[3]).toMatchObject({
      step: '@failure',
      refs: {
        'run.status': { inline: 'failed' },
        'run.error': { inline: 'step b failed: broken pipe' },
        'steps.a.outputs.WHO': { inline: 'geese' },
        'steps.b.outputs.x': { inline: '' },
      },
      upstreamEnv: { WHO: { inline: 'geese' } },
    });
    await scene.answer(worker, 3);
    expect(worker.offers[4]).toMatchObject({ step: '@exit', refs: { 'run.id': { inline: runId } } });
    await scene.answer(worker, 4);
    const view = await scene.view(runId);
    expect(view).toMatchObject({ status: 'failed', error: { message: 'step b failed: broken pipe' } });
    expect(view.steps.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(view.handlers?.map(({ id, status }) => `${id} ${status}`)).toEqual([
      '@init succeeded',
      '@failure succeeded',
      '@exit succeeded',
    ]);
    await scene.close();
  });

  test('write logs and give outputs that are read by their path', async () => {
    const handled = dagOf([stepOf('a')], { name: 'handled', handlers: { failure: shell('@failure', 'sorry') } });
    const scene = await createScene({ dags: [handled] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    await scene.answer(worker, 0, no);
    const offer = worker.offers[1]!;
    worker.start(offer);
    scene.stores.logs.append(
      { tenant: defaultTenant, runId, step: '@failure', attempt: 1 },
      new TextEncoder().encode('sorry\n'),
    );
    await scene.answer(worker, 1, { status: 'succeeded' }, { said: { inline: 'sorry' } });
    const { coordinator } = scene;
    const log = await coordinator.readLog(defaultTenant, runId, '@failure', { offset: 0, limit: 100 });
    expect(new TextDecoder().decode(log.bytes)).toBe('sorry\n');
    expect(await coordinator.readOutput(defaultTenant, runId, '@failure', 'said')).toBe('sorry');
    await expect(coordinator.readOutput(defaultTenant, runId, '@exit', 'said')).rejects.toMatchObject({
      code: 'not_found',
    });
    const events = [];
    for await (const event of coordinator.watchRun(defaultTenant, runId, 0, new AbortController().signal))
      events.push(event);
    expect(events.filter(({ data }) => data['step'] === '@failure').map(({ type }) => type)).toEqual([
      'step_leased',
      'step_finished',
    ]);
    expect(events.map(({ type }) => type)).toContain('run_closing');
    await scene.close();
  });

  test('may call a DAG, and the run waits for it, also after a restart', async () => {
    const tell = dagOf([stepOf('tell')], {
      name: 'tell',
      params: [{ name: 'status', type: 'string', required: true }],
    });
    const handled = dagOf([stepOf('a')], {
      name: 'handled',
      handlers: { exit: callOf('@exit', 'tell', { status: 'ended ${run.status}' }) },
    });
    const scene = await createScene({ dags: [handled, tell] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    await scene.answer(worker, 0);
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).params).toMatchObject({ status: 'ended succeeded' });
    expect(await scene.status(runId)).toBe('running');
    await scene.restart();
    expect(await scene.children(runId)).toHaveLength(1);
    const again = scene.connect(worker.info);
    again.hello({ running: [{ ...taskOf(worker.offers[1]!), started: true }] });
    again.finish(worker.offers[1]!);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('run again with a retry of the run', async () => {
    const handled = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], {
      name: 'handled',
      handlers: { init: shell('@init', 'hello') },
    });
    const scene = await createScene({ dags: [handled] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    await scene.answer(worker, 0);
    await scene.answer(worker, 1);
    await scene.answer(worker, 2, no);
    await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me' });
    await scene.settle();
    await scene.answer(worker, 3);
    expect(worker.offers.slice(3).map(({ step }) => step)).toEqual(['@init', 'b']);
    await scene.close();
  });
});
