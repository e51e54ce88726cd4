import type { MemoryProposal } from '@skein/domain';
import { defaultTenant, forkScope } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';
import type { StartRollout } from '../index.ts';
import { defaultCoordinatorConfig } from '../index.ts';

let world: RolloutScene;
let worker: ScriptedWorker;
afterEach(() => world.scene.close());

const remembers = dagOf(
  [
    agentOf('a', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: true, propose: true } },
    }),
  ],
  { name: 'remembers' },
);

const open = async (mode: StartRollout['memory']): Promise<string> => {
  const policies = { global: 'auto', dag: 'auto', agent: 'auto' } as const;
  world = await createRolloutScene({
    dags: [remembers],
    config: { memory: { ...defaultCoordinatorConfig.memory, policies } },
  });
  worker = await world.scene.join({ slots: 4 });
  const by = { by: 'ann' };
  await world.scene.coordinator.setMemory(defaultTenant, 'agent/scout', 'the start', by);
  const { id } = await world.start({ candidateVersionId: world.versions.good, memory: mode! });
  return id;
};

/** What the agent of a run remembers: the text in its snapshot. */
const seenBy = async (runId: string): Promise<string> => {
  const { snapshots } = world.scene.stores;
  const manifest = await snapshots.find(defaultTenant, (await world.scene.view(runId)).snapshotDigest!);
  const part = manifest?.parts.find(({ kind, name }) => kind === 'memory' && name === 'agent/scout');
  if (part === undefined) return '';
  const bytes = await snapshots.readPart(defaultTenant, part.digest);
  return (JSON.parse(new TextDecoder().decode(bytes)) as { readonly text: string }).text;
};

/** A run of an arm that proposes these and ends. */
const run = async (id: string, arm: number, proposals: readonly MemoryProposal[] = []): Promise<string> => {
  const [resourceId = ''] = unitsOfArm(await world.record(id), arm, 1);
  const runId = await world.scene.submit('remembers', { routingContext: { resourceId } });
  const { step, attempt, token } = worker.offers.find((offer) => offer.runId === runId)!;
  const outcome = { status: 'succeeded' } as const;
  worker.send({
    type: 'result',
    result: { runId, step, attempt, token, outcome, outputs: {}, durationMs: 1, proposals },
  });
  worker.credits(1);
  await world.scene.settle();
  await world.scene.coordinator.foldNow(defaultTenant);
  return runId;
};

const note = (text: string, scope = 'agent/scout'): MemoryProposal => ({ scope, op: 'append', text });
const text = async (scope: string) => (await world.scene.coordinator.readMemory(defaultTenant, scope)).text;
const proposals = async () => (await world.scene.coordinator.listProposals(defaultTenant, { limit: 100 })).items;

describe('the memory of an agent with a live rollout (I9)', () => {
  it('frozen: no arm sees what another one, or a person, made of it since, and what is proposed waits for the end', async () => {
    const id = await open('frozen');
    for (const arm of [1, 0]) await run(id, arm, [note(`learned by ${arm}`)]);
    await world.scene.coordinator.setMemory(defaultTenant, 'agent/scout', 'written by ann', { by: 'ann' });
    for (const arm of [0, 1]) expect(await seenBy(await run(id, arm))).toBe('the start');
    expect((await proposals()).map(({ status }) => status)).toEqual(['pending', 'pending']);
    await world.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await world.scene.coordinator.foldNow(defaultTenant);
    expect((await proposals()).map(({ status }) => status)).toEqual(['folded', 'folded']);
    expect(await text('agent/scout')).toContain('learned by 1');
  });

  it('forked: what an arm learns only that arm sees, in a copy that no list shows', async () => {
    const id = await open('forked');
    const copy = forkScope({ agentId: 'scout', rolloutId: id, arm: 1 });
    const first = await run(id, 1, [note('learned by 1')]);
    expect(await seenBy(first)).toBe('the start');
    await run(id, 0, [note('learned by 0')]);
    const later = await run(id, 1);
    expect(await seenBy(later)).toContain('the start');
    expect(await seenBy(later)).toContain('learned by 1');
    expect(await seenBy(await run(id, 0))).toBe('the start');
    expect(await text('agent/scout')).toBe('the start');
    expect(await text(copy)).toContain('learned by 1');
    const listed = await world.scene.coordinator.listMemory(defaultTenant);
    expect(listed.map(({ scope }) => scope)).toEqual(['agent/scout']);
    await expect(world.scene.coordinator.setMemory(defaultTenant, copy, 'mine', { by: 'ann' })).rejects.toMatchObject({
      code: 'read_only',
    });
  });

  it('forked: the winner’s copy becomes the memory of the agent, once, and what others learned is dropped', async () => {
    const id = await open('forked');
    await run(id, 1, [note('learned by 1')]);
    await run(id, 0, [note('learned by 0')]);
    const { revision } = await world.record(id);
    await world.rollouts.promote(defaultTenant, 'scout', { revision, force: true, reason: 'it is good' }, ann);
    await world.ticks(3);
    await world.scene.coordinator.foldNow(defaultTenant);
    const kept = await text('agent/scout');
    const { items } = await world.scene.coordinator.memoryHistory(defaultTenant, 'agent/scout', 10);
    expect(items.filter(({ change }) => 'by' in change && change.by === `rollout ${id}`)).toHaveLength(1);
    expect(kept).toContain('learned by 1');
    // What waited for the agent's own memory is folded into what it is now.
    expect(kept).toContain('learned by 0');
    await world.scene.coordinator.setMemory(defaultTenant, 'agent/scout', 'written by ann', { by: 'ann' });
    await world.scene.restart();
    await world.ticks(3);
    expect(await text('agent/scout')).toBe('written by ann');
  });

  it('forked: the winner’s copy is taken over also when the process dies right after the end, and no copy stays', async () => {
    const id = await open('forked');
    await run(id, 1, [note('learned by 1')]);
    const { revision } = await world.record(id);
    const { memory } = world.scene.stores;
    const commit = memory.commit.bind(memory);
    // The end is written, and nothing more.
    memory.commit = () => new Promise(() => undefined);
    await world.rollouts.promote(defaultTenant, 'scout', { revision, force: true, reason: 'it is good' }, ann);
    expect((await world.record(id)).policyPending).toBe(true);
    memory.commit = commit;
    await world.scene.restart();
    await world.ticks(3);
    expect(await text('agent/scout')).toContain('learned by 1');
    const over = await world.record(id);
    expect(over).toMatchObject({ status: 'completed' });
    expect(over.policyPending).toBeUndefined();
    expect((await world.events(id)).map(({ type }) => type)).toEqual(['created', 'promoted', 'policy_done']);
    expect((await memory.listScopes(defaultTenant)).map(({ scope }) => scope)).toEqual(['agent/scout']);
  });

  it('forked: memory of a run of a copy that is gone can still be reverted', async () => {
    const id = await open('forked');
    const runId = await run(id, 1, [note('learned by 1')]);
    await world.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await world.ticks(3);
    const { scopes } = await world.scene.coordinator.revertRun(defaultTenant, runId, 'ann');
    expect(scopes).toMatchObject([{ reverted: 1 }]);
    expect((await world.scene.stores.memory.listScopes(defaultTenant)).map(({ scope }) => scope)).toEqual([
      'agent/scout',
    ]);
  });

  it('forked: a copy that lost leaves nothing behind', async () => {
    const id = await open('forked');
    await run(id, 1, [note('learned by 1')]);
    await world.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await world.ticks(2);
    expect(await text('agent/scout')).toBe('the start');
    worker = await world.scene.join();
    const runId = await world.scene.submit('remembers');
    expect(await seenBy(runId)).toBe('the start');
  });

  it('shared: as if there were no rollout', async () => {
    const id = await open('shared');
    await run(id, 1, [note('learned by 1')]);
    expect(await seenBy(await run(id, 0))).toContain('learned by 1');
  });

  it('has proposals of its runs to wider scopes wait for a person, whatever the policy says', async () => {
    const id = await open('shared');
    await run(id, 1, [note('for all', 'global'), note('for the DAG', 'dag/remembers'), note('for itself')]);
    const found = new Map((await proposals()).map(({ scope, status, reason }) => [scope, [status, reason]]));
    const waits = ['review', `its run is part of the rollout ${id}`];
    expect(found.get('global')).toEqual(waits);
    expect(found.get('dag/remembers')).toEqual(waits);
    expect(found.get('agent/scout')?.[0]).toBe('folded');
    await world.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const runId = await world.scene.submit('remembers');
    const { step, attempt, token } = worker.offers.find((offer) => offer.runId === runId)!;
    const outcome = { status: 'succeeded' } as const;
    const result = {
      runId,
      step,
      attempt,
      token,
      outcome,
      outputs: {},
      durationMs: 1,
      proposals: [note('x', 'global')],
    };
    worker.send({ type: 'result', result });
    await world.scene.settle();
    await world.scene.coordinator.foldNow(defaultTenant);
    expect(await text('global')).toContain('x');
  });
});
