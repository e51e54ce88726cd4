import { DomainError } from '@skein/domain';
import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { agentOf, createAgentScene, toolEntry, turnEntry } from '../../test/agent-scene.ts';

describe('what an agent goes on from', () => {
  test('is every recorded entry of its step, in order, whatever else the log holds', async () => {
    const both = dagOf([agentOf('a'), agentOf('b')], { name: 'both' });
    const world = await createAgentScene([both]);
    const worker = await world.scene.join({ slots: 2 });
    await world.scene.submit('both');
    const [a, b] = worker.offers;
    for (let turn = 1; turn <= 3; turn += 1) {
      await world.record(worker, a!, 2 * turn - 2, [turnEntry(turn)]);
      await world.record(worker, b!, turn - 1, [turnEntry(turn)]);
      await world.record(worker, a!, 2 * turn - 1, [toolEntry(turn)]);
    }
    await world.exit(worker);
    const next = await world.scene.join({ slots: 2 });
    const again = next.offers.find(({ step }) => step === 'a')!;
    expect(again.resume?.entries).toBe(6);
    expect(
      (await world.resumePoint(again)).entries.map((entry) => [entry.type, 'turn' in entry && entry.turn]),
    ).toEqual([
      ['turn', 1],
      ['tool', 1],
      ['turn', 2],
      ['tool', 2],
      ['turn', 3],
      ['tool', 3],
    ]);
    const { sessionId } = next.of('welcome')[0]!;
    const bytes = await world.scene.coordinator.gateway.fetchBlob(
      { token: world.scene.joinToken },
      sessionId,
      again,
      again.resume!.digest,
    );
    expect(bytes.byteLength).toBe(again.resume?.bytes);
    expect(next.offers.find(({ step }) => step === 'b')?.resume?.entries).toBe(3);
    await world.scene.close();
  });

  test('holds what was recorded in the very turn that lost the worker', async () => {
    const world = await createAgentScene();
    const worker = await world.scene.join();
    const runId = await world.scene.submit('talk');
    const offer = worker.offers[0]!;
    worker.start(offer);
    const spare = await world.scene.join();
    const gates: (() => void)[] = [];
    world.scene.onAppend = async (request, append) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return append(request);
    };
    const sending = world.send(runId, 'hello');
    await world.scene.settle();
    const before = world.scene.appends.length;
    world.checkpoint(worker, offer, 0, [turnEntry(1), toolEntry(1)]);
    await world.exit(worker);
    gates[0]?.();
    await sending;
    // The state is ahead of the log: the entries are not there to be read yet.
    expect([world.scene.appends.length, spare.offers]).toEqual([before + 1, []]);
    gates[1]?.();
    await world.scene.settle();
    gates[2]?.();
    await world.scene.settle();
    expect(spare.offers[0]?.resume?.entries).toBe(2);
    expect(world.scene.appends[before]?.facts.map(({ type }) => type)).toEqual([
      'turn_planned',
      'tool_done',
      'step_lost',
    ]);
    expect((await world.scene.view(runId)).steps[0]?.attempt).toBe(2);
    await world.scene.close();
  });

  test('is nothing after a failure of the step itself: the next attempt begins at turn 0', async () => {
    const retrying = dagOf([agentOf('a', { retryPolicy: { limit: 1, intervalMs: 0, backoff: 1, exitCodes: [] } })], {
      name: 'retrying',
    });
    const world = await createAgentScene([retrying]);
    const worker = await world.scene.join();
    await world.scene.submit('retrying');
    const offer = worker.offers[0]!;
    await world.record(worker, offer, 0, [turnEntry(1)]);
    worker.finish(offer, { status: 'failed', error: { code: 'internal', message: 'it broke' } });
    worker.credits(1);
    await world.scene.clock.advance(1_000);
    worker.beat();
    await world.scene.settle();
    expect(worker.offers).toHaveLength(2);
    expect(worker.offers[1]).not.toHaveProperty('resume');
    await world.scene.close();
  });

  test('is waited for while the store is away, and nothing is offered without it', async () => {
    const world = await createAgentScene();
    const worker = await world.scene.join();
    await world.scene.submit('talk');
    const offer = worker.offers[0]!;
    await world.record(worker, offer, 0, [turnEntry(1)]);
    const put = world.scene.stores.blobs.put.bind(world.scene.stores.blobs);
    world.scene.stores.blobs.put = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    await world.exit(worker);
    const next = await world.scene.join();
    await world.scene.clock.advance(1_000);
    next.beat();
    expect(next.offers).toEqual([]);
    world.scene.stores.blobs.put = put;
    await world.scene.clock.advance(1_000);
    expect(next.offers[0]?.resume?.entries).toBe(1);
    await world.scene.close();
  });

  test('is for agents only: other steps are offered as ever', async () => {
    const world = await createAgentScene([dagOf([stepOf('a')], { name: 'plain' })]);
    const worker = await world.scene.join();
    await world.scene.submit('plain');
    await world.record(worker, worker.offers[0]!, 0, [turnEntry(1)]);
    expect(worker.of('revoke')).toHaveLength(1);
    worker.credits(1);
    await world.scene.settle();
    expect(worker.offers.at(-1)).not.toHaveProperty('resume');
    await world.scene.close();
  });
});
