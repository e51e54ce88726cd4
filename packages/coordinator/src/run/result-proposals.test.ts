import type { MemoryProposal, TaskOffer } from '@skein/domain';
import { DomainError, defaultTenant, maxProposalBytes, maxProposals } from '@skein/domain';
import type { Scene, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, publishProject, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const daily = (propose: boolean) =>
  dagOf(
    [
      stepOf('look', {
        action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: false, propose } },
      }),
    ],
    { name: 'daily' },
  );
const note = (scope: string, text = 'Geese fly in a V.'): MemoryProposal => ({ scope, op: 'append', text });

const open = async (propose = true): Promise<{ readonly scene: Scene; readonly worker: ScriptedWorker }> => {
  const scene = await createScene({ dags: [] });
  await publishProject(scene.stores.projects, scene.hasher, defaultTenant, [daily(propose)], 0);
  return { scene, worker: await scene.join() };
};
const tell = async (scene: Scene, worker: ScriptedWorker, offer: TaskOffer, proposals: readonly MemoryProposal[]) => {
  const result = { ...taskOf(offer), outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1, proposals } as const;
  worker.send({ type: 'result', result });
  await scene.settle();
};
const stored = async (scene: Scene) =>
  (await scene.stores.memory.listProposals({ tenant: defaultTenant, limit: 100 })).items;

describe('memory proposals of a result', () => {
  test('are stored in the commit that records it, with who made them', async () => {
    const { scene, worker } = await open();
    const runId = await scene.submit('daily');
    await tell(scene, worker, worker.offers[0]!, [note('agent/scout'), note('dag/daily'), note('global')]);
    const { agents } = await scene.view(runId);
    expect(await stored(scene)).toMatchObject(
      ['agent/scout', 'dag/daily', 'global'].map((scope, index) => ({
        proposalId: `${runId}:look:1:0${index}`,
        scope,
        runId,
        step: 'look',
        attempt: 1,
        agentId: 'scout',
        versionId: agents['scout']?.versionId,
        status: 'pending',
      })),
    );
    const append = scene.appends.find(({ proposals }) => proposals !== undefined);
    expect(append?.facts.map(({ type }) => type)).toContain('step_finished');
    expect((await scene.facts(runId)).find(({ type }) => type === 'step_finished')).toMatchObject({
      result: { proposals: 3 },
    });
    await scene.close();
  });

  test('are stored once, however often the result comes and whatever the store answers', async () => {
    const { scene, worker } = await open();
    await scene.submit('daily');
    let failures = 1;
    scene.onAppend = async (request, append) => {
      const outcome = await append(request);
      if (request.proposals === undefined || failures === 0) return outcome;
      failures -= 1;
      throw new DomainError('unavailable', 'no answer');
    };
    for (let times = 0; times < 3; times += 1) await tell(scene, worker, worker.offers[0]!, [note('global')]);
    await scene.clock.advance(2_000);
    expect(await stored(scene)).toHaveLength(1);
    expect(scene.appends.filter(({ proposals }) => proposals !== undefined)).toHaveLength(1);
    await scene.close();
  });

  test('of a stale token are nobody’s', async () => {
    const { scene, worker } = await open();
    await scene.submit('daily');
    const offer = worker.offers[0]!;
    await tell(scene, worker, { ...offer, token: offer.token - 1 }, [note('global')]);
    expect(await stored(scene)).toEqual([]);
    await scene.close();
  });

  test('for the memory of others, without a passage to change, or of a step that did not opt in, are not taken', async () => {
    const { scene, worker } = await open();
    await scene.submit('daily');
    const shapeless: MemoryProposal = { scope: 'global', op: 'remove', text: '' };
    await tell(scene, worker, worker.offers[0]!, [note('agent/other'), note('dag/other'), shapeless, note('global')]);
    expect((await stored(scene)).map(({ proposalId, scope }) => [proposalId.split(':').at(-1), scope])).toEqual([
      ['00', 'global'],
    ]);
    await scene.close();
    const shut = await open(false);
    await shut.scene.submit('daily');
    await tell(shut.scene, shut.worker, shut.worker.offers[0]!, [note('global')]);
    expect(await stored(shut.scene)).toEqual([]);
    await shut.scene.close();
  });

  test('are counted and measured in bytes: as many and as large as may be are taken, and one more fails the step', async () => {
    const large = 'ü'.repeat(maxProposalBytes / 2);
    const remove = (basis: string): MemoryProposal => ({ scope: 'global', op: 'remove', text: '', basis });
    const most = Array.from({ length: maxProposals }, () => note('global', large));
    for (const [told, count] of [
      [most, maxProposals],
      [[...most, note('global')], 0],
      [[note('global', `${large}x`)], 0],
      [[remove(`${large}x`)], 0],
      [[remove(large)], 1],
    ] as const) {
      const { scene, worker } = await open();
      const runId = await scene.submit('daily');
      await tell(scene, worker, worker.offers[0]!, told);
      expect(await stored(scene)).toHaveLength(count);
      const { status, error } = await scene.view(runId);
      expect([status, error?.message.includes('memory')]).toEqual(
        count > 0 ? ['succeeded', undefined] : ['failed', true],
      );
      await scene.close();
    }
  });

  test('of a handler and of an item are stored under their own names, and can be approved', async () => {
    const agent = { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {} } as const;
    const action = { ...agent, memory: { read: false, propose: true } };
    const dag = dagOf([stepOf('each', { action, foreach: { items: ['a', 'b'], maxConcurrent: 2 } })], {
      name: 'daily',
      handlers: { exit: stepOf('@exit', { action }) },
    });
    const scene = await createScene({ dags: [] });
    await publishProject(scene.stores.projects, scene.hasher, defaultTenant, [dag], 0);
    const worker = await scene.join({ slots: 4 });
    const runId = await scene.submit('daily');
    for (const offer of worker.offers.slice(0, 2)) await tell(scene, worker, offer, [note('global', offer.step)]);
    await tell(scene, worker, worker.offers[2]!, [note('global', 'exit')]);
    const ids = (await stored(scene)).map(({ proposalId }) => proposalId);
    expect(ids.toSorted()).toEqual(
      [`${runId}:@exit:1:00`, `${runId}:each[0]:1:00`, `${runId}:each[1]:1:00`].toSorted(),
    );
    for (const id of ids) {
      expect(await scene.coordinator.reviewProposal(defaultTenant, id, 'approve', 'ann')).toMatchObject({
        status: 'folded',
      });
    }
    await scene.close();
  });
});
