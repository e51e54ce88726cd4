import type { RunFact } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';

let world: RolloutScene;
afterEach(() => world.scene.close());

type Admitted = Extract<RunFact, { readonly type: 'run_admitted' }>;

const decided = async (runId: string) =>
  (await world.scene.facts(runId)).find((fact): fact is Admitted => fact.type === 'run_admitted')?.agents['scout'];
const unit = async (id: string, arm: number): Promise<string> => unitsOfArm(await world.record(id), arm, 1)[0]!;
const submit = (resourceId: string) => world.scene.submit('look', { routingContext: { resourceId } });

/** Does this to reads of the part that only this version has. */
const onPart = async (alias: string, read: () => Promise<Uint8Array | undefined>): Promise<() => void> => {
  const { projects } = world.scene.stores;
  const version = await projects.findVersion(defaultTenant, 'scout', alias);
  const [digest] = Object.values(version!.content.skills);
  const own = projects.readPart.bind(projects);
  projects.readPart = (tenant, asked) => (asked === digest ? read() : own(tenant, asked));
  return () => {
    projects.readPart = own;
  };
};
const gone = async () => undefined;

describe('a candidate whose snapshot cannot be built', () => {
  it('costs nobody a run: who would get it gets the stable version, counted, and the rollout is paused and says why', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    await onPart('v1', gone);
    const candidate = await unit(id, 1);
    const runId = await submit(candidate);
    expect(await decided(runId)).toMatchObject({
      versionId: world.versions.stable,
      source: 'stable',
      because: 'unbuildable',
      arm: 0,
    });
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ unbuildable: 1 });
    await world.ticks(1);
    const view = await world.view(id);
    expect(view).toMatchObject({ status: 'paused', statusReason: 'circuit_breaker' });
    expect(view.explanation.because).toMatch(/^The snapshot of candidate cannot be built for the DAG look: .*skill/);
    const events = await world.events(id);
    expect(events.at(-1)).toMatchObject({ type: 'paused', by: { actor: 'evaluator' } });
    expect(events.at(-1)?.explanation.because).toBe(view.explanation.because);
    expect(await decided(await submit(candidate))).toMatchObject({ because: 'paused' });
  });

  it('is noticed with the first run of anybody, and again after somebody resumes without mending it', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const mend = await onPart('v1', gone);
    expect(await decided(await submit(await unit(id, 0)))).toMatchObject({ source: 'segments', arm: 0 });
    await world.ticks(1);
    expect((await world.view(id)).status).toBe('paused');
    await world.rollouts.resume(defaultTenant, 'scout', {}, ann);
    await submit(await unit(id, 0));
    await world.ticks(1);
    expect((await world.view(id)).status).toBe('paused');
    mend();
    await world.rollouts.resume(defaultTenant, 'scout', {}, ann);
    expect(await decided(await submit(await unit(id, 1)))).toMatchObject({ source: 'segments', arm: 1 });
    await world.ticks(2);
    expect((await world.view(id)).status).toBe('active');
  });

  it('is another thing than a store that is away: the run waits and gets its arm', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const mend = await onPart('v1', async () => {
      throw new DomainError('unavailable', 'the store is away');
    });
    const runId = await submit(await unit(id, 1));
    expect((await world.scene.view(runId)).status).toBe('queued');
    mend();
    await world.ticks(15);
    expect(await decided(runId)).toMatchObject({ source: 'segments', arm: 1 });
    expect((await world.view(id)).status).toBe('active');
  });

  it('is not blamed for what the stable version lacks too', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const { projects } = world.scene.stores;
    projects.readPart = gone;
    const runId = await submit(await unit(id, 1));
    expect((await world.scene.view(runId)).status).toBe('failed');
    await world.ticks(2);
    expect((await world.view(id)).status).toBe('active');
  });

  it('is not promoted unless forced: nobody could run what is active then', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    await onPart('v1', gone);
    const promote = (force?: { readonly force: true; readonly reason: string }) =>
      world.rollouts.promote(defaultTenant, 'scout', { revision: 1, ...force }, ann);
    expect(await codeOf(promote())).toBe('unprocessable');
    expect((await world.view(id)).status).toBe('active');
    expect((await promote({ force: true, reason: 'it is mended soon' })).status).toBe('completed');
  });

  it('is refused at the start, whoever forces it, and one that a store cannot read now is not', async () => {
    world = await createRolloutScene();
    const mend = await onPart('v1', gone);
    expect(await codeOf(world.start())).toBe('unprocessable');
    expect(await codeOf(world.start({ force: true, reason: 'now' }))).toBe('unprocessable');
    const forecast = world.rollouts.forecast(defaultTenant, 'scout', {
      type: 'canary',
      candidateVersionId: world.versions.bad,
    });
    await expect(forecast).rejects.toMatchObject({
      code: 'unprocessable',
      details: { problems: [{ field: 'candidateVersionId' }] },
    });
    mend();
    await onPart('v1', async () => {
      throw new DomainError('unavailable', 'the store is away');
    });
    expect(await codeOf(world.start())).toBe('unavailable');
    expect(await world.rollouts.current(defaultTenant, 'scout')).toBeUndefined();
  });
});
