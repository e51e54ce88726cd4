import type { TenantId, WorkerInfo } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { dagOf, type FleetScene, ScriptedWorker, stepOf } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

const rivals: TenantId = 'rivals';
const single = dagOf([stepOf('a')], { name: 'single' });

let scene: FleetScene;

beforeEach(async () => {
  scene = await openPeers(['a', 'b']);
  const at = scene.clock.now();
  const hash = scene.hasher.digest('skt_rivals');
  await scene.stores.tokens.insert({
    tokenId: 'tok_r',
    tenant: rivals,
    kind: 'join',
    name: 'join',
    hash,
    createdAt: at,
  });
  await scene.publish([single], rivals);
});

afterEach(() => scene.close());

/** A worker of the other tenant with more slots than any, so that it would be preferred. */
const joinRival = async (coordinatorId: string): Promise<ScriptedWorker> => {
  const info: WorkerInfo = {
    workerId: 'wrk_rival',
    incarnation: 'rival',
    labels: {},
    slots: 8,
    kinds: ['noop', 'shell'],
    isolation: 'none',
    snapshotFormats: [1],
    version: '0.0.0',
    hostname: 'host',
    pid: 1,
  };
  const worker = new ScriptedWorker({ coordinator: scene.of(coordinatorId).api }, info, 'skt_rivals');
  worker.hello();
  worker.credits(info.slots);
  await scene.settle();
  return worker;
};

const submit = async (tenant: TenantId): Promise<string> =>
  (await scene.finish(scene.of('a').api.submitRun(tenant, { dag: 'single' }))).run.runId;

describe('workers of two tenants', () => {
  test.each([
    ['the same coordinator', 'a'],
    ['another coordinator', 'b'],
  ])('at %s: each gets tasks of its own tenant only', async (_, at) => {
    const rival = await joinRival(at);
    await pass(scene, 100, rival);
    const waiting = await submit(defaultTenant);
    await pass(scene, 500, rival);
    expect(rival.offers).toEqual([]);
    const view = await scene.of('a').api.getRun(defaultTenant, waiting);
    expect(view.steps[0]).toMatchObject({ status: 'ready', waitReason: 'no_worker_connected' });

    const own = await scene.join(at);
    await pass(scene, 500, rival, own);
    expect(own.offers.map(({ runId }) => runId)).toEqual([waiting]);
    const theirs = await submit(rivals);
    await pass(scene, 500, rival, own);
    expect(rival.offers.map(({ runId }) => runId)).toEqual([theirs]);
    expect(own.offers).toHaveLength(1);
  });

  test('runs of one tenant that wait do not keep those of another from their free workers', async () => {
    const rival = await joinRival('a');
    const waiting = [await submit(defaultTenant), await submit(defaultTenant)];
    const theirs = [await submit(rivals), await submit(rivals)];
    await pass(scene, 300, rival);
    expect(rival.offers.map(({ runId }) => runId).toSorted()).toEqual(theirs.toSorted());
    const own = await scene.join('a', { slots: 2 });
    await pass(scene, 300, rival, own);
    expect(own.offers.map(({ runId }) => runId).toSorted()).toEqual(waiting.toSorted());
  });

  test('each tenant sees and drains its own only', async () => {
    const rival = await joinRival('b');
    const own = await scene.join('b');
    await pass(scene, 100, rival, own);
    for (const id of ['a', 'b']) {
      const { api } = scene.of(id);
      const seen = (tenant: TenantId) => api.listWorkers(tenant).map(({ workerId }) => workerId);
      expect(seen(defaultTenant)).toEqual([own.info.workerId]);
      expect(seen(rivals)).toEqual([rival.info.workerId]);
      expect(() => api.drainWorker(defaultTenant, rival.info.workerId)).toThrow(
        expect.objectContaining({ code: 'not_found' }),
      );
    }
    await scene.settle();
    expect(rival.of('drain')).toEqual([]);
    scene.of('a').api.drainWorker(rivals, rival.info.workerId);
    await scene.settle();
    expect(rival.of('drain')).toHaveLength(1);
  });
});
