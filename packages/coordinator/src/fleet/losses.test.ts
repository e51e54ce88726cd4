import type { RunFact } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const pair = dagOf([stepOf('a'), stepOf('b')], { name: 'pair' });
const safe = dagOf([stepOf('a', { repeatSafe: true })], { name: 'safe' });
const stuck = dagOf([stepOf('a', { noProgressTimeoutMs: 10_000 })], { name: 'stuck' });

const lossesOf = (facts: readonly RunFact[]) => facts.filter((fact) => fact.type === 'step_lost');

describe('a suspect', () => {
  test('gets no offer while it is silent, and offers again when it is heard', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.clock.advance(4_000);
    await scene.submit('single');
    expect(worker.offers).toEqual([]);
    worker.beat();
    await scene.settle();
    expect(worker.offers).toHaveLength(1);
    await scene.close();
  });

  test.each([
    ['falls silent', (_worker: ScriptedWorker) => undefined],
    ['loses its stream', (worker: ScriptedWorker) => worker.break()],
  ])('that %s gives up a step that may run twice at once, others when its lease lapses', async (_what, happen) => {
    const scene = await createScene({ dags: [single, safe] });
    const suspect = await scene.join({ slots: 2 });
    const runs = [await scene.submit('safe'), await scene.submit('single')];
    for (const offer of suspect.offers) suspect.start(offer);
    const other = await scene.join({ slots: 2 });
    happen(suspect);
    const advance = async (ms: number) => {
      for (let time = 0; time < ms; time += 500) {
        await scene.clock.advance(500);
        other.beat();
      }
    };
    await advance(4_000);
    expect(other.offers.map(({ runId }) => runId)).toEqual([runs[0]]);
    await advance(3_000);
    expect(other.offers.map(({ runId }) => runId)).toEqual(runs);
    await scene.close();
  });

  test('is told to stop, as far as it hears, before another worker is offered its task', async () => {
    const scene = await createScene({ dags: [single] });
    const order: string[] = [];
    const suspect = await scene.join();
    await scene.submit('single');
    suspect.start(suspect.offers[0]!);
    const other = await scene.join();
    const note = (worker: ScriptedWorker, name: string) => {
      const push = worker.received.push.bind(worker.received);
      worker.received.push = (...messages) => {
        for (const { type } of messages) if (type === 'revoke' || type === 'offer') order.push(`${name} ${type}`);
        return push(...messages);
      };
    };
    note(suspect, 'suspect');
    note(other, 'other');
    for (let time = 0; time < 8; time += 1) {
      await scene.clock.advance(1_000);
      other.beat();
    }
    expect(order).toEqual(['suspect revoke', 'other offer']);
    await scene.close();
  });
});

describe('a lost worker', () => {
  test('tells of each task whether others had started with it, so that no one of them is taken for the cause', async () => {
    const scene = await createScene({ dags: [pair, single] });
    const worker = await scene.join({ slots: 3 });
    const [both, alone] = [await scene.submit('pair'), await scene.submit('single')];
    for (const offer of worker.offers.slice(0, 2)) worker.start(offer);
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: worker.info.incarnation });
    await scene.settle();
    expect(lossesOf(await scene.facts(both))).toMatchObject([
      { step: 'a', started: true, shared: true },
      { step: 'b', started: true, shared: true },
    ]);
    const [unstarted] = lossesOf(await scene.facts(alone));
    expect(unstarted).toMatchObject({ started: false });
    expect(unstarted).not.toHaveProperty('shared');
    await scene.close();
  });

  test('that ran one task only takes that one for the cause', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    worker.start(worker.offers[0]!);
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: worker.info.incarnation });
    await scene.settle();
    expect(lossesOf(await scene.facts(runId))[0]).not.toHaveProperty('shared');
    await scene.close();
  });

  test('lost while its lease was on the way to the disk has had no attempt: the task is offered elsewhere, charged to nobody', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (request.facts.some(({ type }) => type === 'step_leased')) worker.break();
      return outcome;
    };
    const runId = await scene.submit('single');
    scene.onAppend = (request, append) => append(request);
    const other = await scene.join();
    expect(other.offers.map(({ runId: of, attempt }) => [of, attempt])).toEqual([[runId, 1]]);
    expect(lossesOf(await scene.facts(runId))).toMatchObject([{ reason: 'refused', started: false }]);
    expect((await scene.view(runId)).steps[0]).not.toHaveProperty('losses');
    await scene.close();
  });
});

describe('a coordinator that paused', () => {
  test('for longer than a lease gives every worker one more period, and re-runs nothing', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    worker.start(worker.offers[0]!);
    await scene.clock.advance(1_000);
    worker.beat();
    // Its timers stand still while time goes on.
    const { clock } = scene;
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => monotonicMs() + 60_000;
    await clock.advance(1_000);
    worker.beat();
    await clock.advance(5_000);
    worker.beat();
    expect(lossesOf(await scene.facts(runId))).toEqual([]);
    await clock.advance(8_000);
    expect(lossesOf(await scene.facts(runId))).toHaveLength(1);
    await scene.close();
  });
});

describe('an attempt without progress', () => {
  test('is ended with deadline_exceeded when its step says so, whatever its worker is at; a log counts as progress', async () => {
    const scene = await createScene({ dags: [stuck] });
    const worker = await scene.join();
    const runId = await scene.submit('stuck');
    const offer = worker.offers[0]!;
    worker.start(offer);
    const advance = async (ms: number) => {
      for (let time = 0; time < ms; time += 1_000) {
        await scene.clock.advance(1_000);
        worker.beat();
      }
    };
    await advance(8_000);
    worker.send({ type: 'log', task: taskOf(offer), bytes: new Uint8Array([1]) });
    await advance(8_000);
    expect((await scene.view(runId)).status).toBe('running');
    await advance(3_000);
    const { status, steps } = await scene.view(runId);
    expect([status, steps[0]?.error]).toMatchObject([
      'failed',
      { code: 'deadline_exceeded', details: { reason: 'no_progress', limitMs: 10_000 } },
    ]);
    expect(worker.of('revoke').map(({ task }) => task)).toEqual([taskOf(offer)]);
    worker.finish(offer);
    await scene.settle();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['conflict']);
    await scene.close();
  });

  test('of a shell step may be silent for ever', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    worker.start(worker.offers[0]!);
    for (let time = 0; time < 400; time += 1) {
      await scene.clock.advance(2_500);
      worker.beat();
    }
    expect((await scene.view(runId)).status).toBe('running');
    await scene.close();
  });

  test.each([
    ['cut off', 8_000],
    ['silent', 5_000],
  ] as const)(
    'is not judged while its worker is %s, and has its whole time again after it',
    async (happened, idleMs) => {
      const scene = await createScene({ dags: [stuck], config: { leaseMs: 20_000 } });
      const worker = await scene.join();
      const runId = await scene.submit('stuck');
      const offer = worker.offers[0]!;
      worker.start(offer);
      for (let time = 0; time < idleMs; time += 1_000) {
        await scene.clock.advance(1_000);
        worker.beat();
      }
      if (happened === 'cut off') worker.break();
      await scene.clock.advance(15_000);
      expect((await scene.view(runId)).status).toBe('running');
      const back = happened === 'cut off' ? scene.connect(worker.info) : worker;
      if (back !== worker) back.hello({ running: [{ ...taskOf(offer), started: true }] });
      for (let time = 0; time < 9_000; time += 1_000) {
        back.beat();
        await scene.clock.advance(1_000);
      }
      expect((await scene.view(runId)).status).toBe('running');
      back.beat();
      await scene.clock.advance(2_000);
      expect((await scene.view(runId)).status).toBe('failed');
      await scene.close();
    },
  );

  test('is not judged by a coordinator that paused or could not write, before it listened again', async () => {
    const scene = await createScene({ dags: [stuck] });
    const worker = await scene.join();
    const runId = await scene.submit('stuck');
    worker.start(worker.offers[0]!);
    const advance = async (ms: number) => {
      for (let time = 0; time < ms; time += 1_000) {
        await scene.clock.advance(1_000);
        worker.beat();
      }
    };
    await advance(9_000);
    const { clock } = scene;
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => monotonicMs() + 60_000;
    await advance(9_000);
    expect((await scene.view(runId)).status).toBe('running');
    const { runs } = scene.stores;
    const probe = runs.probeWrite.bind(runs);
    const refuse = () => Promise.reject(new DomainError('unavailable', 'no room', { reason: 'disk_full' }));
    runs.probeWrite = refuse;
    scene.onAppend = refuse;
    await expect(scene.submit('stuck')).rejects.toMatchObject({ code: 'unavailable' });
    await advance(15_000);
    runs.probeWrite = probe;
    scene.onAppend = (request, append) => append(request);
    await advance(9_000);
    expect((await scene.view(runId)).status).toBe('running');
    await advance(8_000);
    expect((await scene.view(runId)).status).toBe('failed');
    await scene.close();
  });
});
