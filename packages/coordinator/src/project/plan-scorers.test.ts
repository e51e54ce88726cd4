import type { DeclaredScorer } from '@skein/domain';
import { defaultTenant, ok } from '@skein/domain';
import type { ReadProject } from '@skein/ports';
import { createScene, publishAgents } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';

const big: DeclaredScorer = { id: 'big', kind: 'expression', expression: 'outputs.n > 1', sample: 1 };

/** A scene whose project says what a test says of the agent `scout`. */
const open = async () => {
  let next: Partial<ReadProject> = {};
  const read = (): ReadProject => ({ dags: [], subDags: [], parts: [], agents: [], memory: [], warnings: [], ...next });
  const scene = await createScene({ dags: [], deps: { projectReader: { read: () => ok(read()) } } });
  onTestFinished(() => scene.close());
  const { projects } = scene.stores;
  await publishAgents(projects, scene.hasher, { dags: [], agents: { scout: {} } });
  const version = await projects.activeVersion(defaultTenant, 'scout');
  if (version === undefined) throw new Error('nothing was published');
  const apply = (scorers: readonly DeclaredScorer[], changes: Partial<ReadProject> = {}, dryRun = false) => {
    const agents = [{ versionId: version.versionId, content: version.content }];
    next = { agents, settings: [{ agentId: 'scout', scorers }], ...changes };
    const autoModel = { provider: 'offline', model: 'rules' } as const;
    return scene.coordinator.applyProject(defaultTenant, { files: [], autoModel, activate: false, dryRun });
  };
  const kept = async () => (await projects.agentSettings(defaultTenant, 'scout'))?.scorers;
  return { apply, kept };
};

test('scorers are kept by an apply, newest word first, and make no version', async () => {
  const { apply, kept } = await open();
  const first = await apply([big]);
  expect(first.agents).toMatchObject([{ agentId: 'scout', alias: 'v1', created: false }]);
  expect(await kept()).toEqual([big]);
  await apply([]);
  expect(await kept()).toEqual([]);
});

test('the plan names the scorers that differ, and a dry run changes none', async () => {
  const { apply, kept } = await open();
  const scorersOf = async (...args: Parameters<typeof apply>) => (await apply(...args)).plan.agents[0]?.scorers;
  expect(await scorersOf([big], {}, true)).toEqual({ added: ['big'], removed: [], changed: [] });
  expect(await kept()).toBeUndefined();
  await apply([big]);
  expect(await scorersOf([big])).toBeUndefined();
  expect(await scorersOf([{ ...big, sample: 0.5 }])).toEqual({ added: [], removed: [], changed: ['big'] });
  expect(await scorersOf([])).toEqual({ added: [], removed: ['big'], changed: [] });
});

test('a judge that is neither in the project nor in the store is a problem at its place', async () => {
  const { apply, kept } = await open();
  const problem = { message: 'there is no judge', file: 'agents/scout/agent.yaml', line: 4, column: 3 };
  await expect(apply([big], { judges: [{ agentId: 'nobody', problem }] })).rejects.toMatchObject({
    code: 'invalid_argument',
    details: { problems: [problem] },
  });
  expect(await kept()).toBeUndefined();
  await apply([big], { judges: [{ agentId: 'scout', problem }] });
  expect(await kept()).toEqual([big]);
});
