import { defaultTenant } from '@skein/domain';
import { describe, expect, it } from 'vitest';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';

describe('starting a rollout', () => {
  it('compares the candidate that is named with the active version', async () => {
    const scene = await createRolloutScene();
    const view = await scene.start({ weight: '0.05' });
    expect(view).toMatchObject({
      status: 'active',
      stableVersionId: scene.versions.stable,
      candidateVersionId: scene.versions.bad,
      weight: '0.05',
      candidateWeight: 5,
      revision: 1,
      createdBy: 'ann',
      completedAt: null,
    });
    expect(view.arms.map(({ alias }) => alias)).toEqual(['v3', 'v1']);
    await scene.scene.close();
  });
});

void [defaultTenant, ann, codeOf];
