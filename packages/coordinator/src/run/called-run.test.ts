import type { ParamDef, TaskResult } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const inner = dagOf([stepOf('work')], { name: 'inner' });
const outer = dagOf([callOf('go', 'inner')], { name: 'outer' });
const no = { status: 'failed', error: { code: 'internal', message: 'no' } } as const;

describe('a called run', () => {
  test.each([{}, { latest: true }])('is not retried by itself (%j): the error names the root', async (options) => {
    const middle = dagOf([callOf('down', 'inner')], { name: 'middle' });
    const root = dagOf([callOf('go', 'middle')], { name: 'root' });
    const scene = await createScene({ dags: [root, middle, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('root');
    await scene.answer(worker, 0, no);
    const [child] = await scene.children(runId);
    const [leaf] = await scene.children(child!.runId);
    await expect(
      scene.coordinator.retryRun(defaultTenant, leaf!.runId, { ...options, by: 'me' }),
    ).rejects.toMatchObject({
      code: 'illegal_transition',
      message: expect.stringContaining(`retry the root run ${runId}`) as string,
      details: { runId: leaf!.runId, rootRunId: runId },
    });
    await scene.close();
  });

  test('gives its caller the sum of what its steps used, through the whole tree', async () => {
    const middle = dagOf([callOf('down', 'inner', {}, { depends: ['own'] }), stepOf('own')], { name: 'middle' });
    const root = dagOf([callOf('go', 'middle')], { name: 'root' });
    const scene = await createScene({ dags: [root, middle, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('root');
    const usage = { turns: 1, toolCalls: 2, inputTokens: 30, outputTokens: 4, schemaRepairs: 0, model: 'a/b' };
    const finish = async (place: number, changes: Partial<TaskResult>) => {
      const base = { ...taskOf(worker.offers[place]!), outputs: {}, durationMs: 1, exitCode: 0 };
      const result: TaskResult = { ...base, outcome: { status: 'succeeded' }, ...changes };
      worker.send({ type: 'result', result });
      worker.credits(1);
      await scene.settle();
    };
    await finish(0, { usage });
    await finish(1, { usage: { ...usage, costUsd: 0.5, model: 'a/c' }, outcome: no });
    const sum = { turns: 2, toolCalls: 4, inputTokens: 60, outputTokens: 8, schemaRepairs: 0, costUsd: 0.5 };
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'failed', usage: sum });
    expect((await scene.view(runId)).steps[0]?.usage).not.toHaveProperty('model');
    await scene.close();
  });

  test('without any usage gives none', async () => {
    const scene = await createScene({ dags: [outer, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0);
    expect((await scene.view(runId)).steps[0]).not.toHaveProperty('usage');
    await scene.close();
  });
});

describe('what a handler passes to a DAG of a step that did not get so far', () => {
  const param = (name: string, fields: Partial<ParamDef> = {}): ParamDef => ({
    name,
    type: 'string',
    required: false,
    ...fields,
  });
  const tell = dagOf([stepOf('tell')], {
    name: 'tell',
    params: [
      param('text', { required: true }),
      param('optional'),
      param('preset', { default: 'nothing' }),
      param('count', { type: 'integer' }),
      param('all', { type: 'any', required: true }),
      param('mixed'),
    ],
  });
  const value = '${steps.work.outputs.value}';
  const given = { text: value, optional: value, preset: value, count: value, all: value, mixed: `got: ${value}` };

  test('is empty text, the default, null where anything is allowed, or not given at all', async () => {
    const handled = dagOf([stepOf('work')], {
      name: 'handled',
      handlers: { failure: callOf('@failure', 'tell', given) },
    });
    const scene = await createScene({ dags: [handled, tell] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    await scene.answer(worker, 0, no);
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).params).toEqual({
      text: '',
      optional: '',
      preset: 'nothing',
      all: null,
      mixed: 'got: ',
    });
    await scene.close();
  });

  test('is empty text for a precondition', async () => {
    const isEmpty = { condition: value, expected: '', negate: false };
    const handled = dagOf([stepOf('work')], {
      name: 'handled',
      handlers: {
        failure: callOf('@failure', 'tell', given, { preconditions: [isEmpty] }),
        exit: callOf('@exit', 'tell', given, { preconditions: [{ ...isEmpty, negate: true }] }),
      },
    });
    const scene = await createScene({ dags: [handled, tell] });
    const worker = await scene.join();
    const runId = await scene.submit('handled');
    await scene.answer(worker, 0, no);
    await scene.answer(worker, 1);
    expect((await scene.view(runId)).handlers).toMatchObject([
      { id: '@failure', status: 'succeeded' },
      { id: '@exit', status: 'skipped', skipReason: 'precondition_not_met' },
    ]);
    await scene.close();
  });

  test('of a step of the graph is an error, as before', async () => {
    const scene = await createScene({
      dags: [dagOf([stepOf('work'), callOf('go', 'tell', given, { depends: ['work'] })], { name: 'outer' }), tell],
    });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0);
    expect((await scene.view(runId)).steps[1]).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
    await scene.close();
  });
});
