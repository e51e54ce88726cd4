import { describe, expect, test } from 'vitest';
import { createAgentScene, toolEntry, turnEntry } from '../../test/agent-scene.ts';

const begin = async () => {
  const world = await createAgentScene();
  const worker = await world.scene.join();
  const runId = await world.scene.submit('talk');
  const offer = worker.offers[0]!;
  worker.start(offer);
  return { world, worker, runId, offer };
};

describe('the effect ledger', () => {
  test('says of each call that is not read-only whether it is planned, done or unknown, page by page', async () => {
    const { world, worker, runId, offer } = await begin();
    const { coordinator } = world.scene;
    await world.record(worker, offer, 0, [turnEntry(1), toolEntry(1), turnEntry(2)]);
    const statuses = async () =>
      (await coordinator.listEffects('default', runId, 10)).items.map(({ key, status }) => [key, status]);
    expect(await statuses()).toEqual([
      [`${runId}:a:0:1:0`, 'done'],
      [`${runId}:a:0:2:0`, 'planned'],
    ]);
    await world.exit(worker);
    expect((await statuses())[1]).toEqual([`${runId}:a:0:2:0`, 'unknown']);
    const first = await coordinator.listEffects('default', runId, 1);
    const second = await coordinator.listEffects('default', runId, 1, first.nextCursor);
    expect([first.items[0]?.turn, second.items[0]?.turn, second.nextCursor]).toEqual([1, 2, undefined]);
    await expect(coordinator.listEffects('default', runId, 1, 'x')).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(coordinator.listEffects('default', 'run_other', 1)).rejects.toMatchObject({ code: 'not_found' });
    await world.scene.close();
  });
});

describe('the detail of a step', () => {
  test('has its attempts, turns and totals; bodies only with the transcript, those by digest looked up', async () => {
    const { world, worker, runId, offer } = await begin();
    const { coordinator, stores } = world.scene;
    const text = new TextEncoder().encode(JSON.stringify({ said: [], text: 'from the store', toolCalls: [] }));
    const digest = await stores.blobs.put('default', text);
    await world.record(worker, offer, 0, [
      turnEntry(1, { delta: { digest, bytes: text.byteLength } }),
      toolEntry(1),
      turnEntry(2, { finishReason: 'stop', calls: [] }),
    ]);
    const plain = await coordinator.describeStep('default', runId, 'a', { transcript: false });
    expect(plain).toMatchObject({
      attempts: [{ attempt: 1, outcome: 'running' }],
      totals: { turns: 2, toolCalls: 1, inputTokens: 20, outputTokens: 2 },
    });
    expect(plain.turns[0]).not.toHaveProperty('text');
    const whole = await coordinator.describeStep('default', runId, 'a', { transcript: true });
    expect(whole.turns.map((turn) => turn.text)).toEqual(['from the store', 'turn 2']);
    expect(whole.turns[0]?.calls[0]).toMatchObject({ output: 'result 1' });
    await expect(coordinator.describeStep('default', runId, 'b', { transcript: false })).rejects.toMatchObject({
      code: 'not_found',
    });
    await world.scene.close();
  });

  test('leaves out what does not fit into 1 MiB, or cannot be read, and says so', async () => {
    const { world, worker, runId, offer } = await begin();
    const { coordinator, stores } = world.scene;
    const large = new TextEncoder().encode(JSON.stringify('x'.repeat(700_000)));
    const other = new TextEncoder().encode(JSON.stringify('y'.repeat(700_000)));
    const results = [
      { digest: await stores.blobs.put('default', large), bytes: large.byteLength },
      { digest: await stores.blobs.put('default', other), bytes: other.byteLength },
      { digest: `sha256:${'0'.repeat(64)}`, bytes: 20_000 },
    ];
    await world.record(
      worker,
      offer,
      0,
      results.flatMap((result, index) => [turnEntry(index + 1), { ...toolEntry(index + 1), result }]),
    );
    const { turns } = await coordinator.describeStep('default', runId, 'a', { transcript: true });
    const outputs = turns.map(({ calls }) => calls[0]?.output);
    expect(typeof outputs[0]).toBe('string');
    expect(outputs.slice(1)).toEqual([
      { omitted: expect.any(String), ...results[1] },
      { omitted: expect.any(String), ...results[2] },
    ]);
    await world.scene.close();
  });
});
