import { snapshotFormats } from '@skein/snapshot';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const pair = dagOf([stepOf('a'), stepOf('b')], { name: 'pair' });

describe('joining', () => {
  test('a wrong token is refused and the stream ends', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = scene.connect({}, 'skt_wrong');
    worker.hello();
    await scene.settle();
    expect(worker.of('refused').map(({ error }) => error.code)).toEqual(['unauthenticated']);
    expect(worker.closed).toBe(true);
    await scene.close();
  });

  test('a worker without a common protocol version is refused with both ranges', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = scene.connect();
    worker.hello({ protocol: { min: 7, max: 9 } });
    await scene.settle();
    expect(worker.of('refused')[0]?.error).toMatchObject({
      code: 'unimplemented',
      details: { worker: { min: 7, max: 9 } },
    });
    await scene.close();
  });

  test('agrees on the highest snapshot format that both know', async () => {
    const formats = [1, 2].map((version) => ({ ...snapshotFormats[0]!, version }));
    const scene = await createScene({ dags: [single], config: { snapshotFormats: formats } });
    const agreed = async (read: readonly number[]) =>
      (await scene.join({ snapshotFormats: read })).of('welcome')[0]?.snapshotFormat;
    expect([await agreed([1]), await agreed([1, 2]), await agreed([3, 2, 1])]).toEqual([1, 2, 2]);
    await scene.close();
  });

  test('a worker without a common snapshot format is refused, and both sides are named', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = scene.connect({ snapshotFormats: [2, 3] });
    worker.hello();
    await scene.settle();
    expect(worker.of('refused')[0]?.error).toEqual({
      code: 'unimplemented',
      message: 'no snapshot format in common: the worker reads 2, 3, the coordinator writes 1',
      details: { worker: [2, 3], coordinator: [1] },
    });
    expect([worker.closed, worker.of('welcome')]).toEqual([true, []]);
    await scene.close();
  });

  test('a message before the hello ends the stream, and nothing else', async () => {
    const scene = await createScene({ dags: [single] });
    const rude = scene.connect();
    rude.credits(3);
    const polite = await scene.join();
    await scene.submit('single');
    expect(rude.of('refused')[0]?.error.code).toBe('invalid_argument');
    expect(polite.offers).toHaveLength(1);
    await scene.close();
  });

  test('revoking the join token cuts the workers that used it', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.coordinator.revokeToken('default', 'tok_join');
    await scene.settle();
    expect(worker.closed).toBe(true);
    const again = scene.connect();
    again.hello();
    await scene.settle();
    expect(again.of('refused')[0]?.error.code).toBe('unauthenticated');
    await scene.close();
  });

  test('a token that was revoked after the stream was opened lets nobody in who says hello then', async () => {
    const scene = await createScene({ dags: [single] });
    const late = scene.connect();
    await scene.settle();
    await scene.coordinator.revokeToken('default', 'tok_join');
    late.hello();
    await scene.settle();
    expect(late.of('welcome')).toEqual([]);
    expect(late.of('refused').map(({ error }) => error.code)).toEqual(['unauthenticated']);
    expect(late.closed).toBe(true);
    await scene.close();
  });

  test('what a stranger says before the token was looked up is kept up to some megabytes, not up to any number', async () => {
    const scene = await createScene({ dags: [single] });
    scene.stores.tokens.findByHash = () => new Promise(() => undefined);
    const flood = scene.connect({}, 'skt_unknown');
    flood.hello();
    const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };
    for (let count = 0; count < 16; count += 1) flood.send({ type: 'log', task, bytes: new Uint8Array(1024 * 1024) });
    expect(flood.of('refused').map(({ error }) => error.code)).toEqual(['resource_exhausted']);
    expect(flood.closed).toBe(true);
    await scene.close();
  });

  test('never offers more than the worker asked for', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = scene.connect({ slots: 8 });
    worker.hello();
    worker.credits(1);
    await scene.submit('pair');
    expect(worker.offers).toHaveLength(1);
    worker.credits(1);
    await scene.settle();
    expect(worker.offers).toHaveLength(2);
    await scene.close();
  });
});

describe('fencing', () => {
  test('refuses a result whose token is older than the lease, records the current one, and answers a repetition as such', async () => {
    const scene = await createScene({ dags: [single] });
    const first = await scene.join();
    const runId = await scene.submit('single');
    const lost = first.offers[0]!;
    first.start(lost);
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: first.info.incarnation });
    const second = await scene.join();
    const current = second.offers[0]!;
    expect(current.token).toBeGreaterThan(lost.token);
    expect(current.attempt).toBe(2);
    second.send({
      type: 'result',
      result: { ...taskOf(lost), outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 },
    });
    await scene.settle();
    second.finish(current);
    await scene.settle();
    second.finish(current);
    await scene.settle();
    expect(second.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['stale', 'recorded', 'repeated']);
    expect((await scene.types(runId)).filter((type) => type === 'step_finished')).toHaveLength(1);
    await scene.close();
  });

  test('a result of a run that nobody knows is stale', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    worker.finish({ runId: 'run_none', step: 'a', attempt: 1, token: 3 });
    await scene.settle();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['stale']);
    await scene.close();
  });

  test('only the holder of the lease writes to the log', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const offer = worker.offers[0]!;
    const bytes = new TextEncoder().encode('hello');
    worker.send({ type: 'log', task: { ...taskOf(offer), token: 99 }, bytes });
    worker.send({ type: 'log', task: taskOf(offer), bytes });
    const log = await scene.coordinator.readLog('default', runId, 'a', { offset: 0, limit: 100 });
    expect(new TextDecoder().decode(log.bytes)).toBe('hello');
    await scene.close();
  });
});

describe('loss', () => {
  test('a launcher report moves the task at once', async () => {
    const scene = await createScene({ dags: [single] });
    const dead = await scene.join();
    const spare = await scene.join();
    await scene.submit('single');
    const [holder, other] = dead.offers.length > 0 ? [dead, spare] : [spare, dead];
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: holder.info.incarnation });
    await scene.settle();
    expect(other.offers).toHaveLength(1);
    await scene.close();
  });

  test('a broken stream keeps the task until the lease lapses', async () => {
    const scene = await createScene({ dags: [single] });
    const holder = await scene.join();
    await scene.submit('single');
    holder.break();
    const spare = await scene.join();
    await scene.clock.advance(5_000);
    spare.beat();
    expect(spare.offers).toEqual([]);
    await scene.clock.advance(1_500);
    expect(spare.offers).toHaveLength(1);
    await scene.close();
  });

  test('a repeat-safe task moves as soon as the stream breaks', async () => {
    const safe = dagOf([stepOf('a', { repeatSafe: true })], { name: 'safe' });
    const scene = await createScene({ dags: [safe] });
    const holder = await scene.join();
    await scene.submit('safe');
    holder.break();
    const spare = await scene.join();
    await scene.settle();
    expect(spare.offers).toHaveLength(1);
    await scene.close();
  });

  test('heartbeats keep the lease for ever', async () => {
    const scene = await createScene({ dags: [single] });
    const holder = await scene.join();
    const runId = await scene.submit('single');
    holder.start(holder.offers[0]!);
    for (let beats = 0; beats < 20; beats += 1) {
      await scene.clock.advance(1_500);
      holder.beat();
    }
    expect(await scene.types(runId)).toEqual(['run_submitted', 'run_admitted', 'step_leased']);
    expect(holder.of('heartbeat_answer')).toHaveLength(20);
    await scene.close();
  });

  test('an offer that the worker never takes is withdrawn after a lease period', async () => {
    const scene = await createScene({ dags: [single] });
    const deaf = await scene.join();
    const runId = await scene.submit('single');
    for (let beats = 0; beats < 5; beats += 1) {
      await scene.clock.advance(1_500);
      deaf.beat();
    }
    expect(deaf.of('revoke')).toHaveLength(1);
    expect((await scene.types(runId)).includes('step_lost')).toBe(true);
    await scene.close();
  });

  test('a released task goes to another worker uncharged, and the one that refuses is left alone for a while', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.submit('single');
    worker.finish(worker.offers[0]!, { status: 'released' });
    worker.credits(1);
    await scene.settle();
    expect(worker.offers).toHaveLength(1);
    await scene.clock.advance(1_000);
    expect(worker.offers.map(({ attempt }) => attempt)).toEqual([1, 1]);
    await scene.close();
  });
});

describe('coming back', () => {
  test('a reconnected worker keeps what it runs, and what it forgot is leased again', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join({ slots: 2 });
    const runId = await scene.submit('pair');
    const [kept, forgotten] = worker.offers;
    worker.break();
    const again = scene.connect(worker.info);
    again.hello({ running: [{ ...taskOf(kept!), started: true }] });
    await scene.settle();
    expect(again.of('welcome')[0]?.keep).toEqual([taskOf(kept!)]);
    again.credits(1);
    await scene.settle();
    expect(again.offers.map(({ step }) => step)).toEqual([forgotten!.step]);
    again.finish(kept!);
    again.finish(again.offers[0]!);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });

  test('after a coordinator restart the tasks of a worker that returns in time are kept, with zero re-runs', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const offer = worker.offers[0]!;
    await scene.restart();
    await scene.clock.advance(4_000);
    const again = scene.connect(worker.info);
    again.hello({ running: [{ ...taskOf(offer), started: true }] });
    await scene.settle();
    expect(again.of('welcome')[0]?.keep).toEqual([taskOf(offer)]);
    again.finish(offer);
    await scene.settle();
    expect(await scene.types(runId)).toEqual([
      'run_submitted',
      'run_admitted',
      'step_leased',
      'step_finished',
      'run_finished',
    ]);
    await scene.close();
  });

  test('after a coordinator restart the tasks of a worker that stays away run once more', async () => {
    const scene = await createScene({ dags: [single] });
    await scene.join();
    await scene.submit('single');
    await scene.restart();
    const other = await scene.join();
    await scene.clock.advance(5_000);
    other.beat();
    expect(other.offers).toEqual([]);
    await scene.clock.advance(1_500);
    expect(other.offers.map(({ attempt }) => attempt)).toEqual([2]);
    await scene.close();
  });

  test('a result that the worker could not deliver before the restart is taken', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    const offer = worker.offers[0]!;
    await scene.restart();
    const again = scene.connect(worker.info);
    again.hello({ unacknowledged: [taskOf(offer)] });
    again.finish(offer);
    await scene.settle();
    expect(again.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});

describe('cancel', () => {
  test('ready steps are cancelled at once, running ones are told, and the run ends when they have stopped', async () => {
    const scene = await createScene({ dags: [pair] });
    const worker = await scene.join();
    const runId = await scene.submit('pair');
    const view = await scene.coordinator.cancelRun('default', runId, 'someone');
    expect(view.status).toBe('running');
    expect(worker.of('cancel').map(({ task }) => task)).toEqual([taskOf(worker.offers[0]!)]);
    worker.finish(worker.offers[0]!, { status: 'cancelled' });
    await scene.settle();
    expect(await scene.status(runId)).toBe('cancelled');
    await expect(scene.coordinator.cancelRun('default', runId, 'someone')).rejects.toMatchObject({
      code: 'illegal_transition',
    });
    await scene.close();
  });

  test('a worker that is gone does not block the end of a cancelled run', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    const runId = await scene.submit('single');
    worker.break();
    await scene.coordinator.cancelRun('default', runId, 'someone');
    await scene.clock.advance(7_000);
    expect(await scene.status(runId)).toBe('cancelled');
    await scene.close();
  });

  test('a run that takes too long is stopped and fails', async () => {
    const slow = dagOf([stepOf('a')], { name: 'slow', timeoutMs: 3_000 });
    const scene = await createScene({ dags: [slow] });
    const worker = await scene.join();
    const runId = await scene.submit('slow');
    await scene.clock.advance(3_100);
    expect(worker.of('cancel')).toHaveLength(1);
    worker.finish(worker.offers[0]!, { status: 'cancelled' });
    await scene.settle();
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({
      status: 'failed',
      error: { code: 'deadline_exceeded' },
    });
    await scene.close();
  });
});
