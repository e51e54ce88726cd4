import { defaultTenant, isDomainError } from '@skein/domain';
import { dagOf, publishAgents } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';
import type { StartRollout } from './rollout-requests.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

const start = (changes: Partial<StartRollout> = {}, agent = 'scout') =>
  scene.rollouts.start(
    defaultTenant,
    agent,
    { type: 'canary', candidateVersionId: scene.versions.bad, weight: 0.5, ...changes },
    ann,
  );

const saltOf = async ({ id }: { readonly id: string }): Promise<string> => {
  const salt = (await scene.scene.stores.rollouts.find(defaultTenant, id))?.salt;
  if (salt === undefined || salt === '') throw new Error(`${id} has no salt`);
  return salt;
};

const hour = 3_600_000;

describe('starting a rollout', () => {
  it('compares the candidate that is named with the active version', async () => {
    scene = await createRolloutScene();
    const { rollout } = await start({ weight: '0.05' });
    expect(rollout).toMatchObject({
      status: 'active',
      stableVersionId: scene.versions.stable,
      candidateVersionId: scene.versions.bad,
      weight: '0.05',
      candidateWeight: 5,
      revision: 1,
      createdBy: 'ann',
      completedAt: null,
    });
    expect(rollout.arms.map(({ alias }) => alias)).toEqual(['v3', 'v1']);
  });

  it('keeps the salt to itself: who knows it can choose a routing key that meets the candidate', async () => {
    scene = await createRolloutScene();
    const { rollout } = await start();
    const salt = await saltOf(rollout);
    expect(JSON.stringify(rollout)).not.toContain(salt);
    expect(JSON.stringify(await scene.rollouts.events(defaultTenant, 0, 10))).not.toContain(salt);
  });

  it('finds the candidate by alias, by id and by the beginning of its id', async () => {
    scene = await createRolloutScene();
    for (const name of ['v1', scene.versions.bad, scene.versions.bad.slice('sha256:'.length, 'sha256:'.length + 12)]) {
      const { rollout } = await start({ candidateVersionId: name });
      expect(rollout.candidateVersionId).toBe(scene.versions.bad);
      await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    }
  });

  it('[defect 38] is refused when the candidate is the active version, and when there is none', async () => {
    scene = await createRolloutScene();
    expect(await codeOf(start({ candidateVersionId: 'v3' }))).toBe('invalid_argument');
    expect(await codeOf(scene.rollouts.start(defaultTenant, 'scout', { type: 'canary' }, ann))).toBe(
      'invalid_argument',
    );
    expect(await codeOf(start({ candidateVersionId: 'v99' }))).toBe('not_found');
  });

  it('[defect 35] says plainly that an agent has no active version', async () => {
    scene = await createRolloutScene();
    const { projects } = scene.scene.stores;
    const found = await projects.findVersion(defaultTenant, 'scout', 'v1');
    if (found === undefined) throw new Error('no v1');
    const content = { ...found.content, agentId: 'idle' };
    await projects.publish({
      tenant: defaultTenant,
      dags: [],
      subDags: [],
      parts: [],
      agents: [{ versionId: found.versionId, content }],
      activate: [],
      candidates: [],
      memory: [],
      at: 0,
    });
    const refused = start({ candidateVersionId: 'v1' }, 'idle');
    await expect(refused).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(refused).rejects.toThrow('no active version');
  });

  it('[defect 50] [g12.13] is won by exactly one of a hundred, and tells the others who won', async () => {
    scene = await createRolloutScene();
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => start()));
    const won = results.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    const live = await scene.rollouts.current(defaultTenant, 'scout');
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      const { reason } = result as { reason: unknown };
      if (!isDomainError(reason)) throw reason;
      expect(reason.code).toBe('already_exists');
      expect(reason.details).toMatchObject({ current: { id: live?.id, revision: 1 } });
    }
  });

  it('does not try a version again within a day after its rollback, unless forced with a reason', async () => {
    scene = await createRolloutScene();
    await start();
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    expect(await codeOf(start())).toBe('illegal_transition');
    // Another version may be tried.
    await start({ candidateVersionId: scene.versions.good });
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    expect(await codeOf(start({ force: true }))).toBe('invalid_argument');
    const { rollout } = await start({ force: true, reason: 'the provider was down' });
    expect((await scene.events(rollout.id))[0]?.by).toEqual({
      actor: 'ann',
      reason: 'the provider was down',
      force: true,
    });
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    const { completedAt } = await scene.record(rollout.id);
    expect(completedAt).toBe(scene.scene.clock.now());
    const store = scene.scene.clock;
    // Virtual hours without the thousand sweeps between: only the wall clock is read here.
    const now = store.now();
    const wall = { ahead: 0 };
    store.now = () => now + wall.ahead;
    wall.ahead = 24 * hour - 1;
    expect(await codeOf(start())).toBe('illegal_transition');
    wall.ahead = 24 * hour;
    expect((await start()).rollout.status).toBe('active');
  });

  it('freezes the scorers that the agent has, with the version that their judge has now', async () => {
    scene = await createRolloutScene();
    const { projects } = scene.scene.stores;
    await publishAgents(projects, scene.scene.hasher, { dags: [], agents: { judge: {} } });
    const judge = await projects.activeVersion(defaultTenant, 'judge');
    const { rollout } = await start({
      scorers: [
        { id: 'tone', kind: 'agent', agent: 'judge', rubric: 'Is it kind?' },
        { id: 'long', kind: 'expression', expression: 'durationMs < 5', sample: 0.5 },
      ],
    });
    await publishAgents(projects, scene.scene.hasher, { dags: [], agents: { judge: { sharper: 10 } } });
    expect((await scene.view(rollout.id)).scorers).toEqual([
      { id: 'tone', kind: 'agent', agentId: 'judge', versionId: judge?.versionId, rubric: 'Is it kind?', sample: 1 },
      { id: 'long', kind: 'expression', expression: 'durationMs < 5', sample: 0.5 },
    ]);
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const bad = { id: 'long', kind: 'expression', expression: 'no such thing', sample: 1 } as const;
    await expect(start({ scorers: [bad] })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/^scorers\[0\]\.expression: /),
      details: { problems: [{ field: 'scorers[0].expression', expected: expect.stringContaining('a number') }] },
    });
  });

  it('gives each rollout another salt, and the salt of an earlier one when asked', async () => {
    scene = await createRolloutScene();
    const { rollout: first } = await start();
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const { rollout: second } = await start();
    expect(await saltOf(second)).not.toBe(await saltOf(first));
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const { rollout: third } = await start({ reuseSalt: first.id });
    expect(await saltOf(third)).toBe(await saltOf(first));
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    expect(await codeOf(start({ reuseSalt: 'rol_unknown' }))).toBe('not_found');
  });

  it('begins as a draft where that is asked for, and exposes units when it is activated', async () => {
    scene = await createRolloutScene();
    const { rollout } = await start({ draft: true });
    expect(rollout.status).toBe('draft');
    expect((await scene.rollouts.current(defaultTenant, 'scout'))?.id).toBe(rollout.id);
    const active = await scene.rollouts.activate(defaultTenant, 'scout', { revision: 1 }, ann);
    expect(active).toMatchObject({ id: rollout.id, status: 'active', revision: 2 });
    // A second draft cannot be activated beside it.
    await start({ draft: true, candidateVersionId: scene.versions.good });
    await expect(scene.rollouts.activate(defaultTenant, 'scout', {}, ann)).rejects.toMatchObject({
      code: 'already_exists',
      details: { current: { id: rollout.id } },
    });
  });

  it('[defect 39] [defect 34] knows no agent that was never published, whatever is asked of it', async () => {
    scene = await createRolloutScene();
    const { rollouts } = scene;
    const agent = 'nobody';
    const asked: readonly Promise<unknown>[] = [
      start({}, agent),
      rollouts.forecast(defaultTenant, agent, { type: 'canary', candidateVersionId: 'v1' }),
      rollouts.current(defaultTenant, agent),
      rollouts.activate(defaultTenant, agent, {}, ann),
      rollouts.patch(defaultTenant, agent, { revision: 1, weight: 0.1 }, ann),
      rollouts.pause(defaultTenant, agent, {}, ann),
      rollouts.resume(defaultTenant, agent, {}, ann),
      rollouts.approve(defaultTenant, agent, {}, ann),
      rollouts.promote(defaultTenant, agent, { revision: 1 }, ann),
      rollouts.rollback(defaultTenant, agent, {}, ann),
      rollouts.cancel(defaultTenant, agent, {}, ann),
      rollouts.results(defaultTenant, agent),
      rollouts.list(defaultTenant, agent, 1, 20),
      rollouts.observations(defaultTenant, agent, { limit: 10 }),
      rollouts.freeze(defaultTenant, agent, 'because', ann),
      rollouts.unfreeze(defaultTenant, agent, ann),
      rollouts.readFreeze(defaultTenant, agent),
      rollouts.startReplay(defaultTenant, agent, { candidate: 'v1', runs: { kind: 'failed' } }, ann),
      rollouts.listReplays(defaultTenant, agent, 10),
      rollouts.watch(defaultTenant, agent, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ];
    expect(await Promise.all(asked.map(codeOf))).toEqual(asked.map(() => 'not_found'));
  });

  it('[defect 43] evaluates agents and tenants whose names hold what separates names elsewhere', async () => {
    scene = await createRolloutScene();
    const { projects } = scene.scene.stores;
    const agent = 'team:scout:v2';
    for (const skills of [{ bad: 10 }, {}])
      await publishAgents(projects, scene.scene.hasher, {
        dags: [dagOf([agentOf('a')], { name: 'look' })],
        agents: { [agent]: skills as { readonly [skill: string]: number } },
      });
    const { rollout } = await start({ candidateVersionId: 'v1' }, agent);
    const { rollout: other } = await start();
    await scene.deal(rollout.id, { stable: 40, candidate: 40, candidateErrors: 1 });
    await scene.ticks(2);
    expect((await scene.view(rollout.id)).status).toBe('rolled_back');
    expect((await scene.view(other.id)).status).toBe('active');
  });
});
