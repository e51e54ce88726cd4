import { defaultTenant } from '@skein/domain';
import { dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { OnRolloutCall, RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

/** Two steps of the agent, one after the other. */
const twice = dagOf([agentOf('a'), agentOf('b', { depends: ['a'] })], { name: 'twice' });

/** The first run that the candidate gets. */
const candidateRun = async (): Promise<string> => {
  for (let unit = 0; unit < 40; unit += 1) {
    const runId = await scene.scene.submit('twice', { routingContext: { resourceId: `user-${unit}` } });
    if ((await scene.scene.view(runId)).agents['scout']?.versionId === scene.versions.bad) return runId;
  }
  throw new Error('no run got the candidate');
};

/** The process dies at the write of this event, before or after it is durable. */
const diesAt = (type: string, when: 'before' | 'after') => {
  const state = { died: false, restarted: false };
  const onCall: OnRolloutCall = async (name, args, own) => {
    const change = args[0] as { readonly event?: { readonly type: string } } | undefined;
    if (state.died && when === 'after' && !state.restarted) return new Promise(() => undefined);
    if (name !== 'update' || change?.event?.type !== type || state.died) return own();
    if (when === 'after') await own();
    state.died = true;
    return new Promise(() => undefined);
  };
  return { state, onCall };
};

describe('the run policy of a rollback', () => {
  it('is applied by an evaluator after the rollback, and written down when nothing is left', async () => {
    scene = await createRolloutScene({ dags: [twice] });
    const { id } = await scene.start({ runPolicy: 'abort' });
    const runId = await candidateRun();
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(3);
    expect(await scene.scene.status(runId)).toBe('cancelled');
    expect((await scene.record(id)).policyPending).toBeUndefined();
    expect((await scene.events(id)).map(({ type }) => type)).toEqual(['created', 'rolled_back', 'policy_done']);
  });

  it('is applied by whoever comes after a crash between the rollback and the policy', async () => {
    // The write is durable; nothing that follows it happens.
    const { state, onCall } = diesAt('rolled_back', 'after');
    scene = await createRolloutScene({ dags: [twice], onCall });
    const { id } = await scene.start({ runPolicy: 'abort' });
    const runId = await candidateRun();
    void scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.scene.settle();
    expect(state.died).toBe(true);
    expect(await scene.scene.status(runId)).toBe('running');
    state.restarted = true;
    await scene.scene.restart();
    expect((await scene.record(id)).status).toBe('rolled_back');
    await scene.ticks(3);
    expect(await scene.scene.status(runId)).toBe('cancelled');
    expect((await scene.record(id)).policyPending).toBeUndefined();
  });

  it('is written down once when the process dies just before', async () => {
    const { state, onCall } = diesAt('policy_done', 'before');
    scene = await createRolloutScene({ dags: [twice], onCall });
    const { id } = await scene.start({ runPolicy: 'abort' });
    await candidateRun();
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(3);
    expect(state.died).toBe(true);
    expect((await scene.record(id)).policyPending).toBe(true);
    await scene.scene.restart();
    await scene.ticks(2);
    expect((await scene.events(id)).map(({ type, revision }) => `${revision} ${type}`)).toEqual([
      '1 created',
      '2 rolled_back',
      '3 policy_done',
    ]);
  });

  it('leaves runs be when it is to drain', async () => {
    scene = await createRolloutScene({ dags: [twice] });
    const { id } = await scene.start({ runPolicy: 'drain' });
    const runId = await candidateRun();
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(3);
    expect(await scene.scene.status(runId)).toBe('running');
    expect((await scene.scene.view(runId)).agents['scout']?.versionId).toBe(scene.versions.bad);
    expect((await scene.events(id)).map(({ type }) => type)).toEqual(['created', 'rolled_back']);
  });
});
