import type { Dag, Step } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import type { Scene } from '@skein/testkit';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const text = (name: string) => ({ name, type: 'string', required: false, default: 'no' }) as const;
const inner = dagOf([stepOf('work')], { name: 'inner' });
const handled = (fields: Partial<Dag> = {}): Dag =>
  dagOf([stepOf('work')], { name: 'inner', handlers: { exit: stepOf('@exit') }, ...fields });
const calling = (fields: Partial<Step> = {}): Dag => dagOf([callOf('go', 'inner', {}, fields)], { name: 'outer' });

/** The runs from a root down to the last, by the first call of each. */
const lineOf = async (scene: Scene, root: string): Promise<readonly string[]> => {
  const line = [root];
  for (;;) {
    const [child] = await scene.children(line.at(-1)!);
    if (child === undefined) return line;
    line.push(child.runId);
  }
};

/** `d0` calls `d1` calls … `d16`, which works; each gives back what the one below it gave. */
const deep = (levels: number, handlers?: Dag['handlers']): readonly Dag[] =>
  Array.from({ length: levels + 1 }, (_, level) =>
    level === levels
      ? dagOf([stepOf('work')], { name: `d${level}`, outputs: { at: '${steps.work.outputs.at}' } })
      : dagOf([callOf('go', `d${level + 1}`)], {
          name: `d${level}`,
          outputs: { at: '${steps.go.outputs.at}' },
          ...(handlers === undefined ? {} : { handlers }),
        }),
  );

const settleLong = async (scene: Scene): Promise<void> => {
  for (let count = 0; count < 20; count += 1) await scene.settle();
};

describe('a tree sixteen calls deep', () => {
  test('gives its outputs back through all levels, also when the coordinator dies on the way', async () => {
    const scene = await createScene({ dags: deep(16) });
    const worker = await scene.join();
    const runId = await scene.submit('d0');
    await settleLong(scene);
    const line = await lineOf(scene, runId);
    expect(line).toHaveLength(17);
    let returns = 0;
    scene.onAppend = (request, append) => {
      if (request.facts.some(({ type }) => type === 'step_returned')) returns += 1;
      return returns > 8 ? new Promise<never>(() => undefined) : append(request);
    };
    await scene.answer(worker, 0, { status: 'succeeded' }, { at: { inline: 16 } });
    await settleLong(scene);
    expect(await scene.status(runId)).toBe('running');
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    await settleLong(scene);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'succeeded', outputs: { at: 16 } });
    await scene.close();
  });

  test('ends from below when its root is cancelled', async () => {
    const scene = await createScene({ dags: deep(16, { exit: stepOf('@exit') }) });
    const worker = await scene.join();
    const runId = await scene.submit('d0');
    await settleLong(scene);
    const line = await lineOf(scene, runId);
    worker.start(worker.offers[0]!);
    await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
    await settleLong(scene);
    expect(await scene.status(runId)).toBe('running');
    await scene.answer(worker, 0, { status: 'cancelled' });
    for (let place = 1; place <= 16; place += 1) {
      await settleLong(scene);
      expect(worker.offers[place]).toMatchObject({ runId: line[16 - place], step: '@exit' });
      await scene.answer(worker, place);
    }
    await settleLong(scene);
    expect(new Set(await Promise.all(line.map((run) => scene.status(run))))).toEqual(new Set(['cancelled']));
    await scene.close();
  });
});

describe('a DAG that calls itself', () => {
  test('ends where its precondition is not met', async () => {
    const loop = dagOf(
      [
        callOf(
          'again',
          'loop',
          { first: '${params.second}', second: '${params.third}' },
          { preconditions: [{ condition: '${params.first}', expected: 'yes', negate: false }] },
        ),
      ],
      { name: 'loop', params: [text('first'), text('second'), text('third')] },
    );
    const scene = await createScene({ dags: [loop] });
    const runId = await scene.submit('loop', { params: { first: 'yes', second: 'yes', third: 'no' } });
    await settleLong(scene);
    expect(await lineOf(scene, runId)).toHaveLength(3);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});

describe('two DAGs with one name', () => {
  test('are told apart by the file of their caller', async () => {
    const own = dagOf([stepOf('own')], { name: 'same' });
    const root = dagOf([callOf('a', 'same'), callOf('b', 'other')], { name: 'root', subDags: { same: own } });
    const other = dagOf([callOf('c', 'same')], { name: 'other' });
    const same = dagOf([stepOf('theirs')], { name: 'same' });
    const scene = await createScene({ dags: [root, other, same] });
    const worker = await scene.join({ slots: 4 });
    await scene.submit('root');
    await settleLong(scene);
    expect(worker.offers.map(({ step }) => step).toSorted()).toEqual(['own', 'theirs']);
    await scene.close();
  });
});

describe('a caller', () => {
  test('whose time is over waits for the handlers of what it called', async () => {
    const scene = await createScene({ dags: [{ ...calling(), timeoutMs: 2_000 }, handled()] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    worker.start(worker.offers[0]!);
    await scene.clock.advance(2_500);
    expect(worker.of('cancel')).toHaveLength(1);
    await scene.answer(worker, 0, { status: 'cancelled' });
    expect(worker.offers[1]).toMatchObject({ step: '@exit' });
    expect(await scene.status(runId)).toBe('running');
    await scene.answer(worker, 1);
    const [child] = await scene.children(runId);
    expect(child).toMatchObject({ status: 'cancelled' });
    expect(await scene.view(runId)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    await scene.close();
  });

  test('whose step has a timeout is told that its child took too long, and may call again', async () => {
    const policy = { limit: 1, intervalMs: 0, backoff: 1, exitCodes: [] };
    const scene = await createScene({ dags: [calling({ timeoutMs: 2_000, retryPolicy: policy }), inner] });
    const runId = await scene.submit('outer');
    await scene.clock.advance(5_500);
    expect((await scene.children(runId)).map(({ status }) => status)).toEqual(['failed', 'failed']);
    expect(await scene.view(runId)).toMatchObject({
      status: 'failed',
      steps: [{ attempt: 2, error: { code: 'deadline_exceeded' } }],
    });
    await scene.close();
  });

  test.each(['before', 'after'] as const)(
    'that is cancelled while its child is being created, %s that is durable, ends with it',
    async (when) => {
      const scene = await createScene({ dags: [calling(), handled()] });
      let go: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      scene.onAppend = async (request, append) => {
        if (request.creation?.source.kind !== 'call') return append(request);
        if (when === 'before') await held;
        const outcome = await append(request);
        await held;
        return outcome;
      };
      const runId = await scene.submit('outer');
      await scene.coordinator.cancelRun(defaultTenant, runId, 'someone');
      await scene.settle();
      go();
      await scene.settle();
      const worker = await scene.join();
      expect(worker.offers).toMatchObject([{ step: '@exit' }]);
      await scene.answer(worker, 0);
      expect((await scene.children(runId)).map(({ status }) => status)).toEqual(['cancelled']);
      expect(await scene.status(runId)).toBe('cancelled');
      await scene.close();
    },
  );

  test('is watched until it ends', async () => {
    const scene = await createScene({ dags: [calling(), inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of scene.coordinator.watchRun(defaultTenant, runId, 0, new AbortController().signal))
        seen.push(event.type);
    })();
    await scene.answer(worker, 0);
    await watching;
    expect(seen).toEqual(['run_submitted', 'run_admitted', 'step_called', 'step_returned', 'run_finished']);
    await scene.close();
  });

  test('that is retried keeps what its calls gave, and calls the rest anew', async () => {
    const outputs = { at: '${steps.work.outputs.at}' };
    const fan = dagOf(
      [
        callOf('one', 'inner'),
        callOf('each', 'inner', {}, { foreach: { items: [1, 2], maxConcurrent: 2 }, depends: ['one'] }),
      ],
      { name: 'outer', outputs: { at: '${steps.one.outputs.at}' } },
    );
    const scene = await createScene({ dags: [fan, dagOf([stepOf('work')], { name: 'inner', outputs })] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0, { status: 'succeeded' }, { at: { inline: 1 } });
    await scene.answer(worker, 1, { status: 'succeeded' }, { at: { inline: 2 } });
    await scene.answer(worker, 2, { status: 'failed', error: { code: 'internal', message: 'no' } });
    expect(await scene.status(runId)).toBe('failed');
    const retry = await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me' });
    await settleLong(scene);
    expect(await scene.children(retry.runId)).toHaveLength(1);
    await scene.answer(worker, 3, { status: 'succeeded' }, { at: { inline: 3 } });
    expect(await scene.coordinator.readOutput(defaultTenant, retry.runId, 'each', 'results')).toMatchObject([
      { item: 1, outputs: { at: 2 } },
      { item: 2, outputs: { at: 3 } },
    ]);
    expect(await scene.view(retry.runId)).toMatchObject({ status: 'succeeded', steps: [{ outputs: { at: 1 } }, {}] });
    await scene.close();
  });

  test('does not end before a child of an earlier attempt whose end was in doubt', async () => {
    const policy = { limit: 2, intervalMs: 0, backoff: 1, exitCodes: [] };
    const scene = await createScene({ dags: [calling({ retryPolicy: policy }), inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    let failures = 3;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (!request.facts.some(({ type }) => type === 'step_returned') || failures === 0) return outcome;
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    await scene.answer(worker, 0, { status: 'failed', error: { code: 'internal', message: 'no' } });
    await scene.clock.advance(5_000);
    await scene.answer(worker, 1);
    await scene.clock.advance(5_000);
    const facts = (await scene.types(runId)).filter((type) => type === 'step_called' || type === 'step_returned');
    expect(facts).toEqual(['step_called', 'step_returned', 'step_called', 'step_returned']);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});
