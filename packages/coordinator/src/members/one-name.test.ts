import type { FleetScene } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { openPeers, pass, rejoin } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

const epochs = async (): Promise<number> =>
  (await scene.stores.shards.readAll()).reduce((sum, { epoch }) => sum + epoch, 0);

test('a start under the name of a coordinator that lives is refused, and takes nothing from it', async () => {
  scene = await openPeers(['a', 'b']);
  const [before, rows] = [await epochs(), await scene.stores.members.list()];
  const earlier = scene.of('a');
  await expect(scene.start('a')).rejects.toMatchObject({
    code: 'illegal_transition',
    message: expect.stringContaining('SKEIN_COORDINATOR_ID'),
    details: { member: 'a' },
  });
  await scene.clock.advance(2_000);
  expect(await epochs()).toBe(before);
  expect((await scene.stores.members.list()).map(({ incarnation }) => incarnation)).toEqual(
    rows.map(({ incarnation }) => incarnation),
  );
  expect(earlier.api.readiness().status).toBe('ready');
});

test('after a kill the name is free once it was silent for a lease, also when nobody else looks', async () => {
  scene = await openPeers(['a']);
  scene.kill('a');
  const beganAt = scene.clock.monotonicMs();
  await scene.start('a');
  expect(scene.clock.monotonicMs() - beganAt).toBeLessThan(900);
  await scene.settledAt(['a']);
});

test('a start while the process before it is leaving waits for it', async () => {
  scene = await openPeers(['a', 'b']);
  const leaving = scene.of('a').api.stop();
  await scene.start('a');
  await scene.finish(leaving);
  await scene.settledAt(['a', 'b']);
});

test('who has another secret than a live member is told so, and strands nothing', async () => {
  scene = await openPeers([]);
  await scene.start('a', { secretFingerprint: 'one' });
  await scene.settledAt(['a']);
  await expect(scene.start('b', { secretFingerprint: 'two' })).rejects.toMatchObject({
    code: 'illegal_transition',
    message: expect.stringMatching(/coordinator a .*SKEIN_PEER_SECRET/),
  });
  await scene.clock.advance(1_000);
  expect(await scene.shares()).toEqual({ a: 256 });
  // Those that do not say are taken as they are, and so are those with the same.
  await scene.start('c');
  await scene.start('d', { secretFingerprint: 'one' });
  await scene.settledAt(['a', 'c', 'd']);
  for (const id of ['a', 'd']) scene.kill(id);
  await scene.start('b', { secretFingerprint: 'two' });
  await scene.settledAt(['b', 'c']);
});

test('of two processes of one name the earlier one gives way: shards do not go to and fro, and its workers go on elsewhere', async () => {
  const replaced: string[] = [];
  scene = await openPeers(['a', 'b'], { deps: (id) => ({ onReplaced: () => replaced.push(id) }) });
  const earlier = scene.of('a');
  const worker = await scene.join('a');
  earlier.process.stop();
  await scene.clock.advance(3_000);
  await scene.start('a');
  await scene.settledAt(['a', 'b']);
  const before = await epochs();
  earlier.process.continue();
  await scene.clock.advance(2_000);
  expect(await epochs()).toBe(before);
  expect(scene.lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
    'another process has taken over the name of this coordinator: nothing is done here any more',
  ]);
  expect(earlier.api.readiness().status).not.toBe('ready');
  expect(replaced).toEqual(['a']);
  expect(worker.closed).toBe(true);
  const again = await rejoin(scene, 'a', worker);
  const runs = [await scene.submit('a', 'single'), await scene.submit('b', 'single')];
  for (const _ of runs) {
    await pass(scene, 500, again);
    again.finish(again.offers.at(-1)!);
    again.credits(1);
  }
  await pass(scene, 500, again);
  for (const runId of runs) expect(await scene.status(runId)).toBe('succeeded');
  // It has nothing to give: what the other has stays where it is.
  await scene.finish(earlier.api.stop());
  expect(await epochs()).toBe(before);
  expect(Object.keys(await scene.shares()).toSorted()).toEqual(['a', 'b']);
});

test('a store that lost its last commits makes nobody give way: the shards are taken anew', async () => {
  scene = await openPeers(['a', 'b']);
  const now = await scene.stores.shards.readAll();
  const readAll = scene.stores.shards.readAll.bind(scene.stores.shards);
  let isBehind = true;
  scene.stores.shards.readAll = async () =>
    isBehind ? now.map((row) => ({ ...row, epoch: Math.max(1, row.epoch - 1) })) : readAll();
  await scene.clock.advance(1_500);
  isBehind = false;
  await scene.clock.advance(3_000);
  expect(scene.lines.filter(({ level }) => level === 'error')).toEqual([]);
  const runId = await scene.submit('a', 'single');
  const worker = await scene.join('b');
  await pass(scene, 500, worker);
  worker.finish(worker.offers[0]!);
  await pass(scene, 500, worker);
  expect(await scene.status(runId)).toBe('succeeded');
  expect((await scene.homes()).size).toBe(256);
});
