import type { AgentContent } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import type { ProjectStore } from '@skein/ports';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

describe('activating a version by hand', () => {
  it('[defect 36] cancels the live rollout of the agent in the same transaction', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.scene.coordinator.activateVersion(defaultTenant, 'scout', scene.versions.good, 'ann');
    expect(await scene.view(id)).toMatchObject({ status: 'cancelled', statusReason: 'superseded' });
    expect(await scene.activeVersion()).toBe(scene.versions.good);
    expect((await scene.events(id)).at(-1)).toMatchObject({ type: 'cancelled', by: { actor: 'ann' } });
  });

  it('ends it too when a project is applied that activates another version, and not when it only publishes one', async () => {
    const read: { agents: readonly { readonly versionId: string; readonly content: AgentContent }[] } = { agents: [] };
    const nothing = { dags: [], subDags: [], parts: [], memory: [], warnings: [], settings: [] };
    scene = await createRolloutScene({
      deps: { projectReader: { read: () => ({ ok: true, value: { ...nothing, agents: read.agents } }) } },
    });
    const { id } = await scene.start();
    const good = await scene.scene.stores.projects.findVersion(defaultTenant, 'scout', scene.versions.good);
    if (good === undefined) throw new Error('no version');
    read.agents = [{ versionId: good.versionId, content: good.content }];
    const autoModel = { provider: 'offline', model: 'rules' } as const;
    const apply = (activate: boolean) =>
      scene.scene.coordinator.applyProject(defaultTenant, { files: [], autoModel, activate, dryRun: false, by: 'ann' });
    await apply(false);
    expect((await scene.view(id)).status).toBe('active');
    await apply(true);
    expect(await scene.view(id)).toMatchObject({ status: 'cancelled', statusReason: 'superseded' });
    expect((await scene.events(id)).at(-1)).toMatchObject({ type: 'cancelled', by: { actor: 'ann' } });
    expect(await scene.activeVersion()).toBe(scene.versions.good);
  });

  it('leaves a rollout alone when the version is active already', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.scene.coordinator.activateVersion(defaultTenant, 'scout', scene.versions.stable);
    expect(await scene.view(id)).toMatchObject({ status: 'active', revision: 1 });
  });

  it('[defect 37] is aborted when the rollout cannot be ended, and changes nothing', async () => {
    scene = await createRolloutScene({
      onCall: async (name, _args, own) => {
        if (name === 'listLive') throw new DomainError('unavailable', 'the store is away');
        return own();
      },
    });
    const { store, versions } = scene;
    // Not by the scene, whose store lists nothing.
    const before = await scene.activeVersion();
    expect(await codeOf(scene.scene.coordinator.activateVersion(defaultTenant, 'scout', versions.good))).toBe(
      'unavailable',
    );
    expect(await scene.activeVersion()).toBe(before);
    expect(await store.listLive(defaultTenant)).toEqual([]);
  });

  it('is done again when the rollout changes between reading and writing (I6)', async () => {
    let raced = 0;
    scene = await createRolloutScene({
      onCall: async (name, _args, own) => {
        const answer = await own();
        if (name !== 'listLive' || raced !== 1) return answer;
        raced = 2;
        await scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.1 }, ann);
        return answer;
      },
    });
    const { id } = await scene.start();
    raced = 1;
    await scene.scene.coordinator.activateVersion(defaultTenant, 'scout', scene.versions.good);
    expect(raced).toBe(2);
    expect(await scene.view(id)).toMatchObject({ status: 'cancelled', revision: 3 });
    expect(await scene.activeVersion()).toBe(scene.versions.good);
  });

  it('and a promotion of another one, at once, leave one active version and an ended rollout', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    const [activated, promoted] = await Promise.allSettled([
      scene.scene.coordinator.activateVersion(defaultTenant, 'scout', scene.versions.good),
      scene.rollouts.promote(defaultTenant, 'scout', { revision: 1 }, ann),
    ]);
    const { status } = await scene.record(id);
    const active = await scene.activeVersion();
    expect(activated.status).toBe('fulfilled');
    expect(['cancelled', 'completed']).toContain(status);
    // Whoever was second saw what the first did.
    if (promoted.status === 'rejected') expect([status, active]).toEqual(['cancelled', scene.versions.good]);
    else expect(active).toBe(scene.versions.good);
  });

  it('[defect 48] keeps the candidate, however many versions come after it', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    const { projects } = scene.scene.stores;
    const found = await projects.findVersion(defaultTenant, 'scout', scene.versions.stable);
    if (found === undefined) throw new Error('no version');
    const publish = (n: number): ReturnType<ProjectStore['publish']> =>
      projects.publish({
        tenant: defaultTenant,
        dags: [],
        subDags: [],
        parts: [],
        agents: [{ versionId: `sha256:${'0'.repeat(60)}${1000 + n}`, content: found.content }],
        activate: [],
        candidates: [],
        memory: [],
        at: 0,
      });
    for (let n = 0; n < 60; n += 1) await publish(n);
    expect(await projects.findVersion(defaultTenant, 'scout', scene.versions.bad)).toBeDefined();
    const view = await scene.rollouts.promote(defaultTenant, 'scout', { revision: 1 }, ann);
    expect(view).toMatchObject({ id, status: 'completed' });
    expect(await scene.activeVersion()).toBe(scene.versions.bad);
  });
});
