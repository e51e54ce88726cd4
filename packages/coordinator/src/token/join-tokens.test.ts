import { defaultTenant, type WorkerInfo } from '@skein/domain';
import { dagOf, FleetScene, ScriptedWorker, stepOf } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });

let scene: FleetScene;
beforeEach(async () => {
  scene = await new FleetScene({ dags: [single], peers: true }).open();
  for (const coordinatorId of ['c1', 'c2']) await scene.start(coordinatorId);
  await scene.settledAt(['c1', 'c2']);
});
afterEach(() => scene.close());

const infoOf = (number: number): WorkerInfo => ({
  workerId: `wrk_${number}`,
  incarnation: `lch_${number}`,
  labels: {},
  slots: 1,
  kinds: ['noop'],
  isolation: 'none',
  snapshotFormats: [1],
  version: '0.0.0',
  hostname: 'host',
  pid: number,
});

const create = (options: { readonly maxUses?: number } = {}) =>
  scene.finish(scene.of('c1').api.createToken(defaultTenant, 'join', 'rack', undefined, options));

const join = async (at: string, token: string, info: WorkerInfo): Promise<ScriptedWorker> => {
  const worker = new ScriptedWorker({ coordinator: scene.of(at).api }, info, token);
  worker.hello();
  await scene.until(() => worker.received.length > 0, 5_000);
  return worker;
};

const answerTo = (worker: ScriptedWorker): string | undefined =>
  worker.of('welcome').length > 0 ? 'welcome' : worker.of('refused')[0]?.error.code;

describe('the id of a worker that is alive at one coordinator', () => {
  test('is not to be had at another one with another token, nor by another process with the same', async () => {
    const worker = await join('c1', scene.joinToken, infoOf(1));
    await scene.until(() => scene.of('c2').api.listWorkers(defaultTenant).length === 1, 5_000);
    const { token } = await create();
    expect(answerTo(await join('c2', token, infoOf(1)))).toBe('permission_denied');
    const other = { ...infoOf(1), incarnation: 'lch_other' };
    expect(answerTo(await join('c2', scene.joinToken, other))).toBe('unavailable');
    expect(worker.closed).toBe(false);
    // Its own process may move.
    expect(answerTo(await join('c2', scene.joinToken, infoOf(1)))).toBe('welcome');
  });
});

describe('a join token in a fleet', () => {
  test('that is revoked at one coordinator ends the streams at all of them before their next sweep', async () => {
    const { token, view } = await create();
    const workers = [await join('c1', token, infoOf(1)), await join('c2', token, infoOf(2))];
    const other = await join('c2', scene.joinToken, infoOf(3));
    expect(workers.map(answerTo)).toEqual(['welcome', 'welcome']);
    await scene.finish(scene.of('c1').api.revokeToken(defaultTenant, view.tokenId));
    const tookMs = await scene.until(() => workers.every(({ closed }) => closed), 5_000);
    expect(tookMs).toBeLessThan(200);
    expect(workers.map((worker) => worker.of('refused')[0]?.error.code)).toEqual([
      'unauthenticated',
      'unauthenticated',
    ]);
    expect(other.closed).toBe(false);
    expect(answerTo(await join('c2', token, infoOf(4)))).toBe('unauthenticated');
  });

  test('is revoked everywhere also when coordinators do not hear one another', async () => {
    const { token, view } = await create();
    const worker = await join('c2', token, infoOf(1));
    await scene.stores.tokens.revoke(defaultTenant, view.tokenId, scene.clock.now());
    let beatAt = scene.clock.monotonicMs();
    await scene.until(() => {
      if (scene.clock.monotonicMs() - beatAt >= 1_000) {
        beatAt = scene.clock.monotonicMs();
        worker.beat();
      }
      return worker.closed;
    }, 30_000);
    expect(worker.of('refused')[0]?.error.code).toBe('unauthenticated');
  });

  test('counts a process once, wherever it connects, and no more processes than it says', async () => {
    const { token } = await create({ maxUses: 1 });
    const [first, second] = await Promise.all([join('c1', token, infoOf(1)), join('c2', token, infoOf(2))]);
    expect(new Set([first, second].map(answerTo))).toEqual(new Set(['permission_denied', 'welcome']));
    const inside = answerTo(first) === 'welcome' ? first : second;
    const elsewhere = inside === first ? 'c2' : 'c1';
    inside.break();
    expect(answerTo(await join(elsewhere, token, inside.info))).toBe('welcome');
    const tokens = await scene.of('c2').api.listTokens(defaultTenant);
    expect(tokens.find(({ maxUses }) => maxUses === 1)?.uses).toBe(1);
  });

  test('has limits only if it is one for workers, and only such as make sense', async () => {
    const { api } = scene.of('c1');
    for (const [kind, options] of [
      ['api', { maxUses: 1 }],
      ['api', { labels: { a: 'b' } }],
      ['join', { maxUses: 0 }],
      ['join', { maxUses: 1.5 }],
      ['join', { labels: { '': 'b' } }],
      ['join', { labels: { a: 'b'.repeat(300) } }],
    ] as const) {
      await expect(api.createToken(defaultTenant, kind, 'x', undefined, options)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
  });
});
