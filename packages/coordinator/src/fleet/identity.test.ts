import type { TaskRef } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });

const bytes = new TextEncoder().encode('"value"');

describe('who a worker is', () => {
  test('a late exit report of an earlier process does not end the one that took its name', async () => {
    const scene = await createScene({ dags: [single] });
    const old = await scene.join();
    old.break();
    const next = scene.connect({ ...old.info, incarnation: 'another' });
    next.hello();
    next.credits(1);
    await scene.submit('single');
    expect(next.offers).toHaveLength(1);
    const { workerId, incarnation } = old.info;
    const report = { workerId, incarnation };
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, report);
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, report);
    expect(next.closed).toBe(false);
    expect(scene.coordinator.listWorkers(defaultTenant)).toMatchObject([{ workerId, running: 1 }]);
    await scene.close();
  });

  test('after a restart an exit report names a worker that has not returned by its id', async () => {
    const scene = await createScene({ dags: [single] });
    const gone = await scene.join();
    await scene.submit('single');
    await scene.restart();
    const spare = await scene.join();
    expect(spare.offers).toEqual([]);
    const { workerId, incarnation } = gone.info;
    await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { workerId, incarnation });
    await scene.settle();
    expect(spare.offers).toHaveLength(1);
    const zombie = scene.connect(gone.info);
    zombie.hello();
    await scene.settle();
    expect(zombie.of('refused')[0]?.error.code).toBe('permission_denied');
    await scene.close();
  });
});

describe('transfers', () => {
  const setUp = async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.submit('single');
    const { sessionId } = worker.of('welcome')[0]!;
    const task = taskOf(worker.offers[0]!);
    const digest = await scene.stores.blobs.put('default', bytes);
    const calls = (session: string, ref: TaskRef, token: string = scene.joinToken) => [
      scene.coordinator.gateway.fetchBlob({ token }, session, ref, digest),
      scene.coordinator.gateway.storeBlob({ token }, session, ref, bytes),
      scene.coordinator.gateway.mayStoreBlob?.({ token }, session, ref),
    ];
    return { scene, worker, sessionId, task, calls };
  };

  test('are for the holder of the current lease only: another token, another session or no token is refused', async () => {
    const { scene, sessionId, task, calls } = await setUp();
    for (const call of calls(sessionId, task)) await call;
    for (const call of calls(sessionId, { ...task, token: task.token - 1 }))
      await expect(call).rejects.toMatchObject({ code: 'stale_fencing_token' });
    for (const call of calls('ses_other', task))
      await expect(call).rejects.toMatchObject({ code: 'stale_fencing_token' });
    for (const call of calls(sessionId, task, 'skt_wrong'))
      await expect(call).rejects.toMatchObject({ code: 'unauthenticated' });
    const { token } = await scene.coordinator.createToken('default', 'api', 'not for workers');
    for (const call of calls(sessionId, task, token))
      await expect(call).rejects.toMatchObject({ code: 'unauthenticated' });
    await scene.close();
  });

  test('end with the result, and with the revocation of the token', async () => {
    const { scene, worker, sessionId, task, calls } = await setUp();
    await scene.coordinator.revokeToken('default', 'tok_join');
    for (const call of calls(sessionId, task)) await expect(call).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(worker.closed).toBe(true);
    await scene.close();
    const other = await setUp();
    other.worker.finish(other.task);
    await other.scene.settle();
    for (const call of other.calls(other.sessionId, other.task))
      await expect(call).rejects.toMatchObject({ code: 'stale_fencing_token' });
    await other.scene.close();
  });

  test('of a session before a reconnect still work, so that one under way is not lost; older ones do not', async () => {
    const { scene, worker, sessionId, task, calls } = await setUp();
    const reconnect = async (): Promise<ScriptedWorker> => {
      const again = scene.connect(worker.info);
      again.hello({ running: [{ ...task, started: true }] });
      await scene.settle();
      return again;
    };
    await reconnect();
    for (const call of calls(sessionId, task)) await call;
    await reconnect();
    for (const call of calls(sessionId, task))
      await expect(call).rejects.toMatchObject({ code: 'stale_fencing_token' });
    await scene.close();
  });
});

describe('a revocation', () => {
  test('also counts for those whose token is being looked up at that moment', async () => {
    const scene = await createScene({ dags: [single] });
    const { tokens } = scene.stores;
    const find = tokens.findByHash.bind(tokens);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let calls = 0;
    tokens.findByHash = async (hash) => {
      const record = await find(hash);
      calls += 1;
      if (calls === 1) await held;
      return record;
    };
    const joining = scene.connect();
    joining.hello();
    await scene.settle();
    await scene.coordinator.revokeToken('default', 'tok_join');
    release();
    await scene.settle();
    expect(joining.of('welcome')).toEqual([]);
    expect(joining.of('refused')[0]?.error.code).toBe('unauthenticated');
    await scene.close();
  });

  test('by another coordinator is noticed within seconds', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.stores.tokens.revoke('default', 'tok_join', scene.clock.now());
    for (let beats = 0; beats < 8; beats += 1) {
      await scene.clock.advance(1_000);
      worker.beat();
    }
    expect(worker.of('refused').map(({ error }) => error.code)).toEqual(['unauthenticated']);
    await scene.close();
  });
});
