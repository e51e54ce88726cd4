import type { RunFact } from '@skein/domain';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const pair = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'pair' });

const countsOf = (facts: readonly RunFact[], type: RunFact['type']): number =>
  facts.filter((fact) => fact.type === type).length;

const lossesOf = (facts: readonly RunFact[]) =>
  facts.flatMap((fact) => (fact.type === 'step_lost' ? [{ reason: fact.reason, started: fact.started }] : []));

describe('a coordinator that is killed', () => {
  test('after a lease is durable and before the offer left: the step is offered again, once, and no execution is charged [crash 4]', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    let leased = false;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (!request.facts.some(({ type }) => type === 'step_leased')) return outcome;
      leased = true;
      return new Promise(() => undefined);
    };
    void scene.coordinator.submitRun('default', { dag: 'single' });
    await scene.settle();
    expect([leased, worker.offers]).toEqual([true, []]);
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    const back = scene.connect(worker.info);
    back.hello({ gaveUp: [] });
    back.credits(1);
    await scene.settle();
    const offer = back.offers[0]!;
    expect((await scene.view(offer.runId)).steps[0]?.losses).toEqual({ execution: 0, transport: 1 });
    back.start(offer);
    back.finish(offer);
    await scene.settle();
    const facts = await scene.facts(offer.runId);
    expect(lossesOf(facts)).toEqual([{ reason: 'worker_forgot', started: false }]);
    expect([offer.attempt, back.offers.length, countsOf(facts, 'step_finished')]).toEqual([1, 1, 1]);
    expect((await scene.view(offer.runId)).status).toBe('succeeded');
    await scene.close();
  });

  test.each([
    ['it says nothing of what it gave up', undefined, 'incarnation-1'],
    ['it gave the task up', 'the task', 'incarnation-1'],
    ['it is another process of that name', undefined, 'another'],
  ])('and whose worker may have begun counts the task as begun: %s', async (_what, gaveUp, incarnation) => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const offer = worker.offers[0]!;
    worker.start(offer);
    await scene.restart();
    const back = scene.connect({ ...worker.info, incarnation });
    back.hello(gaveUp === undefined ? (incarnation === 'another' ? { gaveUp: [] } : {}) : { gaveUp: [taskOf(offer)] });
    await scene.settle();
    expect(lossesOf(await scene.facts(runId))).toEqual([{ reason: 'worker_forgot', started: true }]);
    await scene.close();
  });

  test('after an offer and before it heard that the worker has it: the worker keeps the task, and runs it once [crash 5]', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const offer = worker.offers[0]!;
    await scene.restart();
    const back = scene.connect(worker.info);
    back.hello({ running: [{ ...taskOf(offer), started: false }] });
    back.credits(0);
    await scene.settle();
    expect(back.of('welcome')[0]?.keep).toEqual([taskOf(offer)]);
    await scene.clock.advance(3_000);
    back.beat();
    back.start(offer);
    back.finish(offer);
    await scene.settle();
    const facts = await scene.facts(runId);
    expect([countsOf(facts, 'step_leased'), countsOf(facts, 'step_lost'), countsOf(facts, 'step_finished')]).toEqual([
      1, 0, 1,
    ]);
    expect([back.offers, (await scene.view(runId)).status]).toEqual([[], 'succeeded']);
    await scene.close();
  });

  test('after a result is durable and before the worker hears of it: told again it is a repetition, and what follows begins once [crash 8]', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join();
    const runId = await scene.submit('pair');
    const offer = worker.offers[0]!;
    worker.start(offer);
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      return request.facts.some(({ type }) => type === 'step_finished') ? new Promise(() => undefined) : outcome;
    };
    worker.finish(offer);
    await scene.settle();
    expect(worker.of('result_acknowledged')).toEqual([]);
    scene.onAppend = (request, append) => append(request);
    await scene.restart();
    const back = scene.connect(worker.info);
    back.hello({ unacknowledged: [taskOf(offer)], gaveUp: [] });
    back.finish(offer);
    back.credits(1);
    await scene.settle();
    expect(back.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['repeated']);
    for (const next of back.offers) {
      expect(next.step).toBe('b');
      back.start(next);
      back.finish(next);
    }
    await scene.settle();
    const facts = await scene.facts(runId);
    const finished = facts.flatMap((fact) => (fact.type === 'step_finished' ? [fact.step] : []));
    expect([finished, (await scene.view(runId)).status]).toEqual([['a', 'b'], 'succeeded']);
    await scene.close();
  });

  test('at any append finds the end of a step and the lease of the next one both in the log, or neither [crash 9]', async () => {
    // One append holds both, so that no kill comes between.
    for (let kill = 0; kill < 6; kill += 1) {
      const scene = await createScene({ dags: [pair] });
      const worker = await scene.join();
      let appends = 0;
      scene.onAppend = async (request, append) => {
        appends += 1;
        // Even: killed before the append; odd: after it, before anybody hears of it.
        if (appends === Math.floor(kill / 2) + 1 && kill % 2 === 0) return new Promise(() => undefined);
        const outcome = await append(request);
        return appends === Math.floor(kill / 2) + 1 ? new Promise(() => undefined) : outcome;
      };
      void scene.coordinator.submitRun('default', { dag: 'pair', idempotencyKey: 'k' }).catch(() => undefined);
      await scene.settle();
      for (const offer of worker.offers) {
        worker.start(offer);
        worker.finish(offer);
        await scene.settle();
      }
      for (const request of scene.appends) {
        const types = request.facts.map((fact) => ('step' in fact ? `${fact.type} ${fact.step}` : fact.type));
        if (types.includes('step_finished a')) expect(types).toContain('step_leased b');
      }
      scene.onAppend = (request, append) => append(request);
      await scene.restart();
      const { run } = await scene.coordinator.submitRun('default', { dag: 'pair', idempotencyKey: 'k' });
      const stream = scene.connect(worker.info);
      stream.hello({ unacknowledged: worker.offers.map(taskOf), gaveUp: [] });
      for (const offer of worker.offers) stream.finish(offer);
      stream.credits(1);
      await scene.settle();
      for (let done = 0; done < stream.offers.length; done += 1) await scene.answer(stream, done);
      const finished = (await scene.facts(run.runId)).flatMap((fact) =>
        fact.type === 'step_finished' ? [fact.step] : [],
      );
      expect([kill, finished, (await scene.view(run.runId)).status]).toEqual([kill, ['a', 'b'], 'succeeded']);
      await scene.close();
    }
  });
});
