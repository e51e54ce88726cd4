import type { TaskOffer } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { AgentScene } from '../../test/agent-scene.ts';
import { createAgentScene, toolEntry, turnEntry } from '../../test/agent-scene.ts';

interface Started {
  readonly world: AgentScene;
  readonly worker: ScriptedWorker;
  readonly runId: string;
  readonly offer: TaskOffer;
}

const begin = async (options: Parameters<typeof createAgentScene>[1] = {}): Promise<Started> => {
  const world = await createAgentScene([], options);
  const worker = await world.scene.join();
  const runId = await world.scene.submit('talk');
  const offer = worker.offers[0]!;
  worker.start(offer);
  return { world, worker, runId, offer };
};

const points = async ({ scene }: AgentScene, runId: string): Promise<readonly string[]> =>
  (await scene.types(runId)).filter((type) => type === 'turn_planned' || type === 'tool_done');

describe('durable points of an agent', () => {
  test('are told as recorded only after the log holds them, and keep their order', async () => {
    let release: () => void = () => undefined;
    const { world, worker, runId, offer } = await begin();
    const { scene } = world;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    scene.onAppend = async (request, append) => {
      await gate;
      return append(request);
    };
    await world.record(worker, offer, 0, [turnEntry(1)]);
    world.checkpoint(worker, offer, 1, [toolEntry(1)]);
    await scene.settle();
    expect(worker.of('checkpoint_recorded')).toEqual([]);
    expect(await points(world, runId)).toEqual([]);
    release();
    await scene.settle();
    expect(worker.of('checkpoint_recorded').map(({ count }) => count)).toEqual([1, 2]);
    expect(await points(world, runId)).toEqual(['turn_planned', 'tool_done']);
    await scene.close();
  });

  test('that come again are answered again, and recorded once', async () => {
    const { world, worker, runId, offer } = await begin();
    for (let time = 0; time < 2; time += 1) await world.record(worker, offer, 0, [turnEntry(1), toolEntry(1)]);
    await world.record(worker, offer, 1, [toolEntry(1), turnEntry(2)]);
    expect(worker.of('checkpoint_recorded').map(({ count }) => count)).toEqual([2, 2, 3]);
    expect(await points(world, runId)).toEqual(['turn_planned', 'tool_done', 'turn_planned']);
    await world.scene.close();
  });

  test('and the result after them in the same breath make one append, the answer first', async () => {
    const { world, worker, runId, offer } = await begin();
    const before = world.scene.appends.length;
    world.checkpoint(worker, offer, 0, [turnEntry(1, { finishReason: 'stop', calls: [] })]);
    worker.finish(offer);
    await world.scene.settle();
    expect((await world.scene.types(runId)).slice(-3)).toEqual(['turn_planned', 'step_finished', 'run_finished']);
    expect(world.scene.appends).toHaveLength(before + 1);
    await world.scene.close();
  });

  test('of a worker that has lost the lease are refused, counted and told once, and write nothing', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.exit(worker);
    const next = await world.scene.join();
    const facts = (await world.scene.facts(runId)).length;
    for (let time = 0; time < 3; time += 1) await world.record(next, offer, 0, [turnEntry(1)]);
    expect(next.of('revoke').map(({ task }) => task)).toEqual([taskOf(offer), taskOf(offer), taskOf(offer)]);
    expect(next.of('checkpoint_recorded')).toEqual([]);
    expect(await world.scene.facts(runId)).toHaveLength(facts);
    expect(world.count('skein_fenced_writes_total', { kind: 'checkpoint' })).toBe(3);
    expect(await world.events()).toMatchObject([
      { kind: 'fenced', itemId: `${runId}:a:${offer.token}`, runId, step: 'a', reason: 'stale_checkpoint' },
    ]);
    await world.scene.close();
  });

  test('with a hole before them end the attempt: the next one goes on from what is recorded', async () => {
    const { world, worker, offer } = await begin();
    await world.record(worker, offer, 0, [turnEntry(1)]);
    await world.record(worker, offer, 2, [turnEntry(2)]);
    expect(worker.of('revoke').map(({ task }) => task)).toEqual([taskOf(offer)]);
    worker.credits(1);
    await world.scene.settle();
    const again = worker.offers[1]!;
    expect([again.attempt, again.resume?.entries]).toEqual([2, 1]);
    await world.scene.close();
  });

  test.each([
    ['no entries', []],
    ['an entry that no fact can hold', [turnEntry(1, { delta: { inline: 'x'.repeat(61_440) } })]],
    [
      'more than 512 KiB together',
      Array.from({ length: 11 }, (_, turn) => turnEntry(turn + 1, { delta: { inline: 'x'.repeat(50_000) } })),
    ],
  ])('that break a bound end the attempt and write nothing: %s', async (_what, entries) => {
    const { world, worker, runId, offer } = await begin();
    await world.record(worker, offer, 0, entries);
    expect(worker.of('revoke')).toHaveLength(1);
    expect(await points(world, runId)).toEqual([]);
    await world.scene.close();
  });

  test('wait in their order when their run must be read again, and its result waits behind them', async () => {
    const { world, worker, runId, offer } = await begin();
    let failures = 3;
    world.scene.onAppend = (request, append) => {
      failures -= 1;
      return failures >= 0 ? Promise.reject(new DomainError('invalid_argument', 'not now')) : append(request);
    };
    await world.record(worker, offer, 0, [turnEntry(1)]);
    await world.record(worker, offer, 1, [toolEntry(1)]);
    await world.record(worker, offer, 2, [turnEntry(2, { finishReason: 'stop', calls: [] })]);
    worker.finish(offer);
    for (let time = 0; time < 10; time += 1) {
      await world.scene.clock.advance(1_000);
      worker.beat();
    }
    expect(worker.of('checkpoint_recorded').map(({ count }) => count)).toEqual([1, 2, 3]);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect((await world.scene.types(runId)).slice(-5)).toEqual([
      'turn_planned',
      'tool_done',
      'turn_planned',
      'step_finished',
      'run_finished',
    ]);
    await world.scene.close();
  });

  test('survive an append whose answer was lost: recorded once, told once more', async () => {
    const { world, worker, runId, offer } = await begin();
    let lost = false;
    world.scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (lost) return outcome;
      lost = true;
      throw new DomainError('unavailable', 'the answer was lost');
    };
    await world.record(worker, offer, 0, [turnEntry(1)]);
    await world.scene.clock.advance(100);
    expect(worker.of('checkpoint_recorded').map(({ count }) => count)).toEqual([1]);
    expect(await points(world, runId)).toEqual(['turn_planned']);
    await world.scene.close();
  });
});

describe('what a worker without the lease may not do', () => {
  test('logs, blobs, snapshots and secrets are refused and counted by kind', async () => {
    const { world, worker, offer } = await begin();
    const { sessionId } = worker.of('welcome')[0]!;
    const stale = { ...taskOf(offer), token: offer.token - 1 };
    const { gateway } = world.scene.coordinator;
    const credentials = { token: world.scene.joinToken };
    const digest = await world.scene.stores.blobs.put('default', new Uint8Array([1]));
    const snapshot = { task: stale, digest, held: [] };
    const calls = [
      gateway.storeBlob(credentials, sessionId, stale, new Uint8Array([1])),
      gateway.fetchBlob(credentials, sessionId, stale, digest),
      gateway.readSecret(credentials, sessionId, stale, 'KEY'),
      gateway.fetchSnapshot(credentials, sessionId, snapshot),
      gateway.fetchPart(credentials, sessionId, { ...snapshot, part: digest, offset: 0 }, () => undefined),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'stale_fencing_token' });
    worker.send({ type: 'log', task: stale, bytes: new Uint8Array([1]) });
    const kinds = ['store_blob', 'fetch_blob', 'read_secret', 'fetch_snapshot', 'fetch_part', 'log'];
    expect(kinds.map((kind) => world.count('skein_fenced_writes_total', { kind }))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await world.events()).toEqual([]);
    await world.scene.close();
  });

  test('its late result is stale, and another result under a recorded token a conflict: one event for each', async () => {
    const { world, worker, runId, offer } = await begin();
    await world.exit(worker);
    const next = await world.scene.join();
    const current = next.offers[0]!;
    for (let time = 0; time < 2; time += 1) next.finish(offer);
    next.finish(current);
    await world.scene.settle();
    for (let time = 0; time < 2; time += 1) next.finish(current, { status: 'succeeded' }, { more: { inline: 1 } });
    await world.scene.settle();
    expect(next.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual([
      'stale',
      'stale',
      'recorded',
      'conflict',
      'conflict',
    ]);
    expect((await world.events()).map(({ kind, itemId, reason }) => [kind, itemId, reason])).toEqual([
      ['fenced', `${runId}:a:${offer.token}`, 'stale_result'],
      ['fenced', `${runId}:a:${current.token}`, 'conflict_result'],
    ]);
    expect(world.count('skein_fenced_writes_total', { kind: 'result' })).toBe(4);
    await world.scene.close();
  });

  test('an acknowledgement that does not follow is counted and changes nothing', async () => {
    const { world, worker, runId, offer } = await begin();
    worker.send({ type: 'received', task: taskOf(offer) });
    await world.scene.settle();
    expect(world.count('skein_illegal_transitions_total', { kind: 'task' })).toBe(1);
    expect([worker.closed, (await world.scene.view(runId)).steps[0]?.status]).toEqual([false, 'running']);
    await world.scene.close();
  });
});
