import { DomainError, maxProposalBytes, maxProposals } from '@skein/domain';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const pair = dagOf([stepOf('a'), stepOf('b')], { name: 'pair' });

describe('a result that comes again', () => {
  test.each(['at once', 'after a restart', 'after the run has ended'])(
    'another result under a recorded token is refused as a conflict and told apart from a repetition, %s',
    async (when) => {
      const scene = await createScene({ dags: [when === 'after the run has ended' ? single : pair] });
      const worker = await scene.join();
      const runId = await scene.submit(when === 'after the run has ended' ? 'single' : 'pair');
      const offer = worker.offers[0]!;
      const large = { inline: 'x'.repeat(60_000) };
      worker.finish(offer, { status: 'succeeded' }, { answer: large }, 'said');
      await scene.settle();
      let sender = worker;
      if (when === 'after a restart') {
        await scene.restart();
        sender = scene.connect();
        sender.hello({ worker: worker.info });
        await scene.settle();
      }
      sender.finish(offer, { status: 'succeeded' }, { answer: large }, 'said');
      await scene.settle();
      sender.finish(offer, { status: 'succeeded' }, { answer: { inline: 'y'.repeat(60_000) } }, 'said');
      sender.finish(offer, { status: 'failed', error: { code: 'internal', message: 'no' } });
      await scene.settle();
      const outcomes = sender.of('result_acknowledged').map(({ outcome }) => outcome);
      expect(outcomes.slice(-3)).toEqual(['repeated', 'conflict', 'conflict']);
      const warned = scene.lines.filter(({ message }) => message === 'another result under a recorded token refused');
      expect(warned).toHaveLength(2);
      expect((await scene.types(runId)).filter((type) => type === 'step_finished')).toHaveLength(1);
      await scene.close();
    },
  );

  test('a stop that nobody had asked for, told again, is a repetition', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join();
    await scene.submit('pair');
    const offer = worker.offers[0]!;
    for (let time = 0; time < 2; time += 1) worker.finish(offer, { status: 'cancelled' });
    await scene.settle();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded', 'repeated']);
    await scene.close();
  });

  test.each(['while it goes on', 'after it has ended'])(
    'results of one run that are told again together are compared by one read of its log, %s',
    async (when) => {
      const steps = ['a', 'b', 'c'].map((id) => stepOf(id));
      const scene = await createScene({ dags: [dagOf(steps, { name: 'three' })] });
      const worker = await scene.join({ slots: 3 });
      await scene.submit('three');
      const offers = worker.offers.slice(0, when === 'while it goes on' ? 2 : 3);
      for (const offer of offers) worker.finish(offer);
      await scene.settle();
      const reads = { facts: 0, heads: 0 };
      const { runs } = scene.stores;
      const [readFacts, readHead] = [runs.readFacts.bind(runs), runs.readHead.bind(runs)];
      runs.readFacts = (...args) => {
        if (args[3] !== undefined) reads.facts += 1;
        return readFacts(...args);
      };
      runs.readHead = (...args) => {
        reads.heads += 1;
        return readHead(...args);
      };
      for (const offer of offers) worker.finish(offer);
      await scene.settle();
      const outcomes = worker.of('result_acknowledged').map(({ outcome }) => outcome);
      expect(outcomes).toEqual([...offers.map(() => 'recorded'), ...offers.map(() => 'repeated')]);
      expect(reads).toEqual({ facts: 1, heads: when === 'while it goes on' ? 0 : 1 });
      await scene.close();
    },
  );

  test('a repetition that cannot be compared now is answered when the store is back', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join();
    await scene.submit('pair');
    const offer = worker.offers[0]!;
    worker.finish(offer);
    await scene.settle();
    const readFacts = scene.stores.runs.readFacts.bind(scene.stores.runs);
    scene.stores.runs.readFacts = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    worker.finish(offer);
    await scene.settle();
    expect(worker.of('result_acknowledged')).toHaveLength(1);
    scene.stores.runs.readFacts = readFacts;
    await scene.clock.advance(500);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded', 'repeated']);
    await scene.close();
  });

  test('a result with more to remember than it may ask for is a failure, not a shorter list', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join({ slots: 2 });
    const runId = await scene.submit('pair');
    const proposal = (text: string) => ({ scope: 'global', op: 'append', text }) as const;
    const lists = [
      Array.from({ length: maxProposals + 1 }, () => proposal('a')),
      [proposal('ü'.repeat(maxProposalBytes / 2 + 1))],
    ];
    for (const [index, proposals] of lists.entries()) {
      const task = taskOf(worker.offers[index]!);
      worker.send({
        type: 'result',
        result: { ...task, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1, proposals },
      });
    }
    await scene.settle();
    const view = await scene.coordinator.getRun('default', runId);
    expect(view.steps.map(({ error }) => error)).toMatchObject([
      { code: 'too_large', details: { limit: maxProposals, actual: maxProposals + 1 } },
      { code: 'too_large', details: { limit: maxProposalBytes, actual: maxProposalBytes + 2 } },
    ]);
    await scene.close();
  });
});
