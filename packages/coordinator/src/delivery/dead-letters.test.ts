import type { DeadLetter } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { AgentScene } from '../../test/agent-scene.ts';
import { createAgentScene } from '../../test/agent-scene.ts';

const deadly = dagOf([stepOf('before'), stepOf('a', { depends: ['before'] })], { name: 'deadly' });
const good = dagOf([stepOf('a')], { name: 'good' });

const open = (world: AgentScene) => world.scene.coordinator.listDeadLetters({ tenant: 'default', limit: 10 });

/** The next worker that gets an offer, which may take a while. */
const nextOffered = async (world: AgentScene): Promise<ScriptedWorker> => {
  const worker = await world.scene.join();
  for (let second = 0; second < 200 && worker.offers.length === 0; second += 1) {
    await world.scene.clock.advance(1_000);
    worker.beat();
  }
  return worker;
};

/** A run whose step `a` kills every worker that begins it, until it is given up. */
const poisoned = async (): Promise<{
  readonly world: AgentScene;
  readonly runId: string;
  readonly letter: DeadLetter;
  readonly killed: number;
}> => {
  const world = await createAgentScene([deadly, good]);
  const { scene } = world;
  const first = await scene.join();
  const runId = await scene.submit('deadly');
  await scene.answer(first, 0);
  let worker = first;
  let killed = 0;
  while ((await scene.view(runId)).status === 'running' && killed < 10) {
    worker.start(worker.offers.at(-1)!);
    await world.exit(worker);
    killed += 1;
    if ((await scene.view(runId)).status === 'running') worker = await nextOffered(world);
  }
  const { items } = await open(world);
  return { world, runId, letter: items[0]!, killed };
};

/** A message that had to be read, and was not. */
const unread = async () => {
  const world = await createAgentScene();
  const worker = await world.scene.join();
  const runId = await world.scene.submit('talk');
  await world.send(runId, 'read this', { messageId: 'm-1', requireAck: true });
  worker.finish(worker.offers[0]!, { status: 'failed', error: { code: 'internal', message: 'it broke' } });
  worker.credits(1);
  await world.scene.settle();
  const { items } = await open(world);
  return { world, worker, runId, letter: items[0]! };
};

describe('a task that is given up', () => {
  test('kills three workers and no more: it is a dead letter with its history, and the others go on [crash 28]', async () => {
    const { world, runId, letter, killed } = await poisoned();
    expect(killed).toBe(3);
    expect(letter).toMatchObject({
      kind: 'task',
      runId,
      step: 'a',
      dag: 'deadly',
      reason: 'poison',
      executionAttempts: 3,
      status: 'open',
    });
    expect(letter.history.map(({ workerId }) => workerId)).toHaveLength(3);
    expect(await world.events()).toMatchObject([{ kind: 'dead_lettered', itemId: letter.id, reason: 'poison' }]);
    expect((await world.scene.view(runId)).steps.map(({ status }) => status)).toEqual(['succeeded', 'failed']);
    const worker = await world.scene.join();
    const other = await world.scene.submit('good');
    await world.scene.answer(worker, 0);
    expect((await world.scene.view(other)).status).toBe('succeeded');
    expect(world.count('skein_dead_letters_total', { outcome: 'dead_lettered', kind: 'task', reason: 'poison' })).toBe(
      1,
    );
    await world.scene.close();
  });

  test('is redriven by a new run that keeps what succeeded; what would happen is told beforehand', async () => {
    const { world, runId, letter } = await poisoned();
    const { coordinator } = world.scene;
    const redrive = (dryRun: boolean) => coordinator.redriveDeadLetter('default', letter.id, { by: 'ann', dryRun });
    expect(await redrive(true)).toMatchObject({ runId, dryRun: true, deadLetter: { status: 'open' } });
    const done = await redrive(false);
    await world.scene.settle();
    expect(done.deadLetter).toMatchObject({ status: 'redriven', settledBy: 'ann', redrivenRunId: done.runId });
    const view = await world.scene.view(done.runId);
    expect([view.retryOf, view.steps.map(({ status }) => status)]).toEqual([runId, ['succeeded', 'ready']]);
    expect((await world.events()).map(({ kind }) => kind)).toEqual(['dead_lettered', 'redriven']);
    await expect(redrive(false)).rejects.toMatchObject({ code: 'illegal_transition' });
    await world.scene.close();
  });

  test('is redriven by one run, though the process died between the run and the note of it', async () => {
    const { world, letter } = await poisoned();
    const { delivery } = world.scene.stores;
    const settle = delivery.settleDeadLetter.bind(delivery);
    delivery.settleDeadLetter = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    const redrive = () => world.scene.coordinator.redriveDeadLetter('default', letter.id, { by: 'ann', dryRun: false });
    await expect(redrive()).rejects.toMatchObject({ code: 'unavailable' });
    delivery.settleDeadLetter = settle;
    await world.scene.restart();
    const { runId } = await redrive();
    const runs = await world.scene.coordinator.listRuns({ tenant: 'default', limit: 10 });
    expect(runs.items.filter(({ retryOf }) => retryOf !== undefined).map((run) => run.runId)).toEqual([runId]);
    await world.scene.close();
  });

  test('is not redriven while its run goes on', async () => {
    const parallel = dagOf([stepOf('a'), stepOf('b')], { name: 'parallel' });
    const world = await createAgentScene([parallel]);
    const holder = await world.scene.join({ workerId: 'wrk_holder', labels: {} });
    const runId = await world.scene.submit('parallel');
    holder.start(holder.offers[0]!);
    const step = holder.offers[0]?.step === 'a' ? 'b' : 'a';
    for (let kill = 0; kill < 3; kill += 1) {
      const worker = await world.scene.join();
      for (let second = 0; second < 200 && worker.offers.length === 0; second += 1) {
        await world.scene.clock.advance(1_000);
        worker.beat();
        holder.beat();
      }
      worker.start(worker.offers[0]!);
      await world.exit(worker);
    }
    const letter = (await open(world)).items[0]!;
    expect([letter.step, (await world.scene.view(runId)).status]).toEqual([step, 'running']);
    await expect(
      world.scene.coordinator.redriveDeadLetter('default', letter.id, { by: 'ann', dryRun: false }),
    ).rejects.toMatchObject({ code: 'illegal_transition', details: { runId } });
    await world.scene.close();
  });
});

describe('a message that is given up', () => {
  test('is sent again with its id to the step of another run', async () => {
    const { world, worker, letter } = await unread();
    const other = await world.scene.submit('talk');
    const redrive = (runId?: string) =>
      world.scene.coordinator.redriveDeadLetter('default', letter.id, {
        by: 'ann',
        dryRun: false,
        ...(runId === undefined ? {} : { runId }),
      });
    await expect(redrive()).rejects.toMatchObject({ code: 'illegal_transition' });
    expect((await open(world)).items[0]?.status).toBe('open');
    await redrive(other);
    await world.scene.settle();
    expect(worker.of('message').at(-1)).toMatchObject({
      task: { runId: other },
      message: { messageId: 'm-1', text: 'read this', requireAck: true },
    });
    expect((await open(world)).items[0]).toMatchObject({ status: 'redriven', redrivenRunId: other });
    await world.scene.close();
  });

  test('is purged by a person: the row stays, its body is gone, one event tells of it', async () => {
    const { world, letter } = await unread();
    const { coordinator } = world.scene;
    const purged = await coordinator.purgeDeadLetter('default', letter.id, 'ann');
    expect(purged).toMatchObject({ status: 'purged', settledBy: 'ann', messageId: 'm-1' });
    expect(purged.body).toBeUndefined();
    await expect(coordinator.purgeDeadLetter('default', letter.id, 'ann')).rejects.toMatchObject({
      code: 'illegal_transition',
    });
    expect((await world.events()).at(-1)).toMatchObject({ kind: 'purged', itemId: letter.id });
    expect((await coordinator.readDeadLetter('default', letter.id)).status).toBe('purged');
    await expect(coordinator.readDeadLetter('default', 'dl:nothing')).rejects.toMatchObject({ code: 'not_found' });
    await expect(coordinator.readDeadLetter('other', letter.id)).rejects.toMatchObject({ code: 'not_found' });
    await world.scene.close();
  });
});

describe('delivery events', () => {
  test('that the store did not take are written when it does, in order', async () => {
    const world = await createAgentScene();
    const runId = await world.scene.submit('talk');
    const { delivery } = world.scene.stores;
    const append = delivery.appendEvents.bind(delivery);
    delivery.appendEvents = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    for (const messageId of ['m-1', 'm-2'])
      await expect(world.send(runId, 'hello', { messageId }, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
    await world.scene.clock.advance(1_000);
    expect(await world.events()).toEqual([]);
    delivery.appendEvents = append;
    await world.scene.clock.advance(5_000);
    expect((await world.events()).map(({ itemId }) => itemId)).toEqual(['m-1', 'm-2']);
    await world.scene.close();
  });

  test('that wait when the coordinator stops are written before it is gone', async () => {
    const world = await createAgentScene();
    const runId = await world.scene.submit('talk');
    const { delivery } = world.scene.stores;
    const append = delivery.appendEvents.bind(delivery);
    delivery.appendEvents = () => Promise.reject(new DomainError('unavailable', 'the disk is away'));
    await expect(world.send(runId, 'hello', { messageId: 'm-1' }, 'nobody')).rejects.toMatchObject({
      code: 'not_found',
    });
    await world.scene.settle();
    delivery.appendEvents = append;
    await world.scene.coordinator.stop();
    expect((await delivery.readEvents('default', 0, 10)).items.map(({ itemId }) => itemId)).toEqual(['m-1']);
    await world.scene.close();
  });
});
