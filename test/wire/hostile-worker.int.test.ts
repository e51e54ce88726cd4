import { defaultTenant } from '@skein/domain';
import type { CoordinatorGateway } from '@skein/ports';
import { type ScriptedWorker, sampleEntries, type taskOf } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HostileWorld, openHostileWorld, secretValue } from './hostile-world.ts';

// A worker with a token that works, and with all that it could have learnt of another: ids, tokens of leases, the id of the session.

type Task = ReturnType<typeof taskOf>;

const digest = `sha256:${'a'.repeat(64)}`;
const bytes = new TextEncoder().encode('"forged"');

let world: HostileWorld;
beforeEach(async () => {
  world = await openHostileWorld();
});
afterEach(() => world.close());

const tokenOf = async (tenant: string, options = {}): Promise<string> =>
  (await world.scene.coordinator.createToken(tenant, 'join', 'another', undefined, options)).token;

/** Every call beside the stream, in its name. */
const calls = (client: CoordinatorGateway, token: string, sessionId: string, task: Task) => ({
  fetch_blob: () => client.fetchBlob({ token }, sessionId, task, digest),
  store_blob: () => client.storeBlob({ token }, sessionId, task, bytes),
  fetch_snapshot: () => client.fetchSnapshot({ token }, sessionId, { task, digest, held: [] }),
  fetch_part: () => client.fetchPart({ token }, sessionId, { task, digest, part: digest, offset: 0 }, () => undefined),
  read_secret: () => client.readSecret({ token }, sessionId, task, 'db'),
});

/** Everything that a worker can say of a task. */
const sayAll = (worker: ScriptedWorker, task: Task): void => {
  worker.start(task);
  worker.send({ type: 'log', task, bytes });
  worker.send({ type: 'checkpoint', task, index: 0, entries: sampleEntries() });
  worker.send({ type: 'messages_received', task, numbers: [1] });
  worker.send({ type: 'messages_presented', task, numbers: [1], turn: 1 });
  worker.finish(task, { status: 'succeeded' }, {}, 'forged');
};

describe('a worker that was let in', () => {
  test('can neither end, log, checkpoint nor read messages of a task that another holds', async () => {
    const { worker, task } = await world.holder();
    const thief = await world.join();
    sayAll(thief, task);
    await world.until(() => thief.of('result_acknowledged').length === 1);
    expect(thief.of('result_acknowledged')[0]?.outcome).toBe('stale');
    expect(thief.of('revoke')).toHaveLength(1);
    expect(thief.closed).toBe(false);
    const refused = (await world.refusals()).filter(({ actor }) => actor.id === thief.info.workerId);
    expect(refused.map(({ action }) => action)).toEqual([
      'worker.started',
      'worker.log',
      'worker.checkpoint',
      'worker.messages_received',
      'worker.messages_presented',
      'worker.result_stale',
    ]);
    expect(refused.every(({ target, outcome }) => target === task.runId && outcome === 'stale_fencing_token')).toBe(
      true,
    );
    await world.finishes(worker, task);
  });

  test('gets neither blob, snapshot, part nor secret of it, by its own session', async () => {
    const { worker, task } = await world.holder();
    const thief = await world.join();
    const own = thief.of('welcome')[0]?.sessionId ?? '';
    const tried = calls(world.client(), world.scene.joinToken, own, task);
    for (const call of Object.values(tried))
      await expect(call()).rejects.toMatchObject({ code: 'stale_fencing_token' });
    const refused = await world.refusals();
    expect(refused.map(({ action }) => action)).toEqual(Object.keys(tried).map((kind) => `worker.${kind}`));
    expect(refused.map(({ details }) => details?.['reason'])).toEqual(Object.keys(tried).map(() => 'lease'));
    await world.finishes(worker, task);
  });

  test('gets nothing by the session id of another either, with another token', async () => {
    const { worker, task, sessionId } = await world.holder();
    const client = world.client();
    for (const tenant of [defaultTenant, 'rivals']) {
      const token = await tokenOf(tenant);
      for (const call of Object.values(calls(client, token, sessionId, task)))
        await expect(call()).rejects.toMatchObject({ code: 'stale_fencing_token' });
      const refused = await world.refusals(tenant);
      expect(refused.map(({ details }) => details?.['reason'])).toEqual(
        Array.from({ length: 5 }, () => 'stolen_session'),
      );
    }
    // It is the token that decides: its own worker gets it.
    const { read_secret: read } = calls(client, world.scene.joinToken, sessionId, task);
    expect(await read()).toBe(secretValue);
    await world.finishes(worker, task);
  });

  test('cannot end a task of its own under an old or a future lease', async () => {
    const { worker, task } = await world.holder();
    for (const token of [task.token - 1, task.token + 1, 2 ** 50]) {
      worker.finish({ ...task, token }, { status: 'succeeded' }, {}, 'forged');
      const count = worker.of('result_acknowledged').length;
      await world.until(() => worker.of('result_acknowledged').length > count);
    }
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['stale', 'stale', 'stale']);
    expect((await world.refusals()).map(({ action }) => action)).toEqual(Array(3).fill('worker.result_stale'));
    worker.finish(task, { status: 'succeeded' }, {}, 'honest');
    await world.until(async () => (await world.scene.status(task.runId)) === 'succeeded');
    expect(JSON.stringify(await world.scene.facts(task.runId))).not.toContain('forged');
  });

  test('cannot say something else under a token that is recorded', async () => {
    const { worker, task } = await world.holder();
    await world.finishes(worker, task);
    worker.finish(task, { status: 'failed', error: { code: 'internal', message: 'forged' } });
    await world.until(() => worker.of('result_acknowledged').length === 2);
    expect(worker.of('result_acknowledged')[1]?.outcome).toBe('conflict');
    expect((await world.refusals()).map(({ action }) => action)).toEqual(['worker.result_conflict']);
    expect(await world.scene.status(task.runId)).toBe('succeeded');
  });

  test('cannot say hello twice on a stream', async () => {
    const { worker, task } = await world.holder();
    const other = await world.join();
    other.hello({ worker: worker.info });
    await world.until(() => other.closed);
    expect(other.of('refused')[0]?.error.code).toBe('invalid_argument');
    expect(worker.closed).toBe(false);
    await world.finishes(worker, task);
  });
});

describe('the id of a worker that is alive', () => {
  test.each([
    ['another token of the tenant', defaultTenant],
    ['a token of another tenant', 'rivals'],
  ])('is not to be had with %s, even by all that its own process would say', async (_, tenant) => {
    const { worker, task } = await world.holder();
    const thief = world.connect(worker.info, await tokenOf(tenant));
    thief.hello({ running: [{ ...task, started: true }] });
    sayAll(thief, task);
    await world.until(() => thief.closed);
    expect(thief.of('refused')[0]?.error.code).toBe('permission_denied');
    expect(await world.refusals(tenant)).toMatchObject([
      { action: 'worker.hello', actor: { id: worker.info.workerId }, outcome: 'permission_denied' },
    ]);
    await world.finishes(worker, task);
  });

  test('is not to be had by another process with the same token', async () => {
    const { worker, task } = await world.holder();
    const thief = world.connect({ ...worker.info, incarnation: 'lch_another' });
    thief.hello({ running: [{ ...task, started: true }] });
    await world.until(() => thief.closed);
    expect(thief.of('refused')[0]?.error.code).toBe('unavailable');
    expect(await world.refusals()).toMatchObject([{ action: 'worker.hello', details: { reason: 'incarnation' } }]);
    expect(worker.closed).toBe(false);
    await world.finishes(worker, task);
  });

  test('cannot be reported as exited by whoever has another token', async () => {
    const { worker, task } = await world.holder();
    const { workerId, incarnation } = worker.info;
    const client = world.client();
    const report = { workerId, incarnation };
    const token = await tokenOf(defaultTenant);
    await expect(client.reportExit({ token }, report)).rejects.toMatchObject({ code: 'permission_denied' });
    await client.reportExit({ token: await tokenOf('rivals') }, report);
    expect(await world.refusals()).toMatchObject([{ action: 'worker.report_exit', target: workerId }]);
    expect(await world.refusals('rivals')).toMatchObject([{ action: 'worker.report_exit' }]);
    await world.finishes(worker, task);
  });
});

describe('after its stream broke', () => {
  test('a worker comes back to its tasks, and frames of the stream that it left change nothing', async () => {
    const { worker, task } = await world.holder();
    const again = world.connect(worker.info);
    again.hello({ running: [{ ...task, started: true }] });
    await world.until(() => again.of('welcome').length === 1);
    expect(again.of('welcome')[0]?.keep).toHaveLength(1);
    worker.finish(task, { status: 'succeeded' }, {}, 'forged');
    await world.until(() => worker.closed);
    await world.finishes(again, task);
  });

  test('another process that takes its name gets none of its tasks, neither as running nor by a result', async () => {
    const { worker, task } = await world.holder();
    worker.break();
    await world.until(() => world.scene.coordinator.listWorkers(defaultTenant)[0]?.state !== 'connected');
    const thief = world.connect({ ...worker.info, incarnation: 'lch_another' });
    const { runId, step, attempt, token } = task;
    thief.hello({ running: [{ ...task, started: true }], unacknowledged: [{ runId, step, attempt, token }] });
    sayAll(thief, task);
    await world.until(() => thief.of('result_acknowledged').length === 1);
    expect(thief.of('welcome')[0]?.keep).toEqual([]);
    expect(thief.of('result_acknowledged')[0]?.outcome).toBe('stale');
    expect((await world.refusals()).map(({ action }) => action)).toContain('worker.result_stale');
    expect(JSON.stringify(await world.scene.facts(runId))).not.toContain('forged');
  });
});

describe('a token that lets nobody in', () => {
  test('opens no stream and no call, and is written down', async () => {
    const { worker, task, sessionId } = await world.holder();
    const { token: api } = await world.scene.coordinator.createToken(defaultTenant, 'api', 'not for workers');
    for (const token of ['skt_guessed', api]) {
      const stranger = world.connect({}, token);
      stranger.hello();
      await world.until(() => stranger.closed);
      expect(stranger.of('refused')[0]?.error.code).toBe('unauthenticated');
      for (const call of Object.values(calls(world.client(), token, sessionId, task)))
        await expect(call()).rejects.toMatchObject({ code: 'unauthenticated' });
    }
    expect((await world.refusals()).map(({ action, outcome }) => [action, outcome])).toEqual([
      ['worker.join', 'unauthenticated'],
      ['worker.join', 'unauthenticated'],
    ]);
    await world.finishes(worker, task);
  });
});

describe('a limited token', () => {
  test('lets nobody have labels beyond its own, and gives those that it has', async () => {
    const token = await tokenOf(defaultTenant, { labels: { pool: 'small', zone: '*' } });
    for (const labels of [{ pool: 'large' }, { pool: 'small', trusted: 'yes' }, { pool: '*' }]) {
      const greedy = world.connect({ labels }, token);
      greedy.hello();
      await world.until(() => greedy.closed);
      expect(greedy.of('refused')[0]?.error.code).toBe('permission_denied');
    }
    expect((await world.refusals()).map(({ details }) => details?.['reason'])).toEqual(['labels', 'labels', 'labels']);
    await world.join({ labels: { zone: 'eu' } }, token);
    expect(world.scene.coordinator.listWorkers(defaultTenant)).toMatchObject([
      { labels: { pool: 'small', zone: 'eu' } },
    ]);
  });

  test('lets in as many processes as it says, of any number at once; who was let in may come back', async () => {
    const token = await tokenOf(defaultTenant, { maxUses: 2 });
    const workers = Array.from({ length: 8 }, () => world.connect({}, token));
    for (const worker of workers) worker.hello();
    await world.until(() => workers.every(({ received }) => received.length > 0));
    const inside = workers.filter((worker) => worker.of('welcome').length === 1);
    expect(inside).toHaveLength(2);
    const refused = workers.flatMap((worker) => worker.of('refused').map(({ error }) => error.code));
    expect(refused).toEqual(Array(6).fill('permission_denied'));
    for (const { info } of inside) await world.join(info, token);
    expect(await world.scene.coordinator.listTokens(defaultTenant)).toContainEqual(
      expect.objectContaining({ maxUses: 2, uses: 2 }),
    );
  });

  test('is remembered by a coordinator that starts again, so that its workers come back', async () => {
    const token = await tokenOf(defaultTenant, { maxUses: 1 });
    const worker = await world.join({}, token);
    await world.scene.restart();
    const { gateway } = world.scene.coordinator;
    const hello = {
      type: 'hello',
      protocol: { min: 1, max: 1 },
      worker: worker.info,
      held: [],
      running: [],
      unacknowledged: [],
    } as const;
    const heard: string[] = [];
    const open = (incarnation: string): void =>
      gateway
        .openWorkerStream({ token }, { onMessage: ({ type }) => heard.push(type), onClosed: () => undefined })
        .send({ ...hello, worker: { ...worker.info, incarnation } });
    open(worker.info.incarnation);
    await world.until(() => heard.length === 1);
    expect(heard).toEqual(['welcome']);
  });

  test('that expires ends what it let in at once, as one that is revoked does', async () => {
    const { coordinator, clock } = world.scene;
    const { token } = await coordinator.createToken(defaultTenant, 'join', 'short', 1_000);
    const { token: other, view } = await coordinator.createToken(defaultTenant, 'join', 'long');
    const short = await world.join({}, token);
    const long = await world.join({}, other);
    await clock.advance(1_001);
    await world.until(() => short.closed);
    expect(short.of('refused')[0]?.error.code).toBe('unauthenticated');
    expect(long.closed).toBe(false);
    await coordinator.revokeToken(defaultTenant, view.tokenId);
    await world.until(() => long.closed);
    expect(long.of('refused')[0]?.error.code).toBe('unauthenticated');
  });
});
