import { defaultTenant } from '@skein/domain';
import { createModelRouter } from '@skein/models';
import { createSystemClock } from '@skein/telemetry';
import { expect, test, vi } from 'vitest';
import { RealFleet } from './real-fleet.ts';

const rubric = [
  'Good says that it follows rules.',
  '```rules',
  '{"checks":[{"path":"output.text","contains":"rule-based"},{"path":"output.text","contains":"no such words"}]}',
  '```',
].join('\n');

test('a judge on a real worker, with the offline model, scores what a run gave', async () => {
  const fleet = await new RealFleet().open(createModelRouter({ clock: createSystemClock() }));
  try {
    const versionId = await fleet.publish({ instructions: 'Say it.' });
    await fleet.stores.projects.publish({
      tenant: defaultTenant,
      dags: [],
      subDags: [],
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      settings: [{ agentId: 'scout', scorers: [{ id: 'rules', kind: 'agent', agentId: 'scout', rubric, sample: 1 }] }],
      at: 0,
    });
    const runId = await fleet.run('```task\n{"task":"call"}\n```');
    await vi.waitFor(
      async () => {
        const scores = await fleet.coordinator.rollouts.listScores(defaultTenant, runId);
        expect(scores).toMatchObject([
          {
            agentId: 'scout',
            versionId,
            scorer: 'rules',
            step: 'a',
            value: 0.5,
            by: 'judge scout',
            reason: 'These checks fail: output.text.',
          },
        ]);
      },
      { timeout: 20_000, interval: 50 },
    );
  } finally {
    await fleet.close();
  }
});
