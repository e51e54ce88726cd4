import type { RunView } from '@skein/domain';
import type { StartRolloutInput } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RolloutFleet, sorter, words } from './rollout-fleet.ts';
import { eventually, isAlive, signal } from './stack.ts';

let fleet: RolloutFleet;

/** What an agent is asked to remember: the task calls the tool with what the run gives. */
const keeping = `name: keeper
params: { note: nothing }
steps:
  - id: keep
    type: agent
    agent: keeper
    memory: { read: true, propose: true }
    prompt: |
      \`\`\`task
      { "task": "call", "tool": "remember", "input": { "op": "append", "scope": "agent", "text": "\${params.note}" } }
      \`\`\`
`;

beforeAll(async () => {
  fleet = await RolloutFleet.start({
    ...sorter('letters'),
    ...sorter('judged', 'scorers: [{ id: fit, type: agent, agent: judge, rubric: The topic is "billing". }]\n'),
    ...sorter('keeper', 'tools: [remember]\n'),
    'dags/keeper.yaml': keeping,
    'agents/judge/agent.yaml': 'model: { provider: offline, parameters: { delay_ms: 200 } }\n',
    'agents/judge/INSTRUCTIONS.md': 'You judge.\n',
  });
});

afterAll(async () => {
  const { left } = await fleet.stop();
  expect(left).toEqual([]);
});

const canary = { type: 'canary', weight: 0.5, steps: [], alpha: 0.05, force: true, reason: 'trials' } as const;

/** `kill -9` of one worker; resolves when two are connected again. */
const killWorker = async (): Promise<void> => {
  const [worker] = (await fleet.stack.workers()).filter(({ state }) => state === 'connected');
  const pid = worker?.pid ?? -1;
  signal(pid, 'SIGKILL');
  await eventually('two workers are there again', async () => {
    const connected = (await fleet.stack.workers()).filter(
      ({ state, pid: its }) => state === 'connected' && its !== pid,
    );
    return !isAlive(pid) && connected.length === 2;
  });
};

describe('a judge', () => {
  it('scores both arms as tasks of its own, outlives a killed worker, and takes a version back', async () => {
    const blind = await fleet.publish('judged', words.blind);
    const input: StartRolloutInput = { ...canary, candidateVersionId: blind, rules: [{ metric: 'score:fit' }] };
    const started = await fleet.client.rollouts.start('judged', input);
    expect(started.scorers).toMatchObject([
      { id: 'fit', kind: 'agent', versionId: expect.stringContaining('sha256:') },
    ]);
    const runs: RunView[] = [...(await fleet.drive('judged', 'first', 20))];
    await killWorker();
    const { rollout, runs: more } = await fleet.driveToEnd('judged', started.id, 150);
    runs.push(...more);
    const ended = await eventually('the judges decide', async () => {
      const now = await fleet.client.rollouts.read(rollout.id);
      return now.status === 'active' ? undefined : now;
    });
    expect(ended).toMatchObject({ status: 'rolled_back', statusReason: 'regression' });
    // No run waited for its judge, failed with it, or shows it among its steps.
    expect(runs.every(({ status, steps }) => status === 'succeeded' && steps.length === 1)).toBe(true);
    const { items } = await fleet.client.rollouts.observations('judged', {
      rolloutId: rollout.id,
      metric: 'score:fit',
    });
    expect(items.length).toBeGreaterThan(20);
    expect(items.every(({ arm, value }) => value === (arm === 1 ? 0 : 1))).toBe(true);
    const [score] = await fleet.client.scores.list(items[0]?.runId ?? '');
    expect(score).toMatchObject({ scorer: 'fit', reason: expect.stringContaining('check') });
  });
});

describe('recorded and live steps on a candidate', () => {
  it('replay: pairs of recorded steps tell the worse version from the good one; a killed worker loses no pair', async () => {
    const [blind, wide] = [await fleet.publish('letters', words.blind), await fleet.publish('letters', words.wide)];
    // Equal prompts would be one pair.
    const texts = Array.from({ length: 8 }, (_, number) => `my invoice ${number}`);
    await Promise.all(texts.map((text) => fleet.run('letters', text, { params: { text, expected: 'billing' } })));
    const replay = async (candidate: string) => {
      const { id } = await fleet.client.replays.start('letters', { candidate, runs: { kind: 'sample' }, limit: 8 });
      if (candidate === blind) await killWorker();
      return eventually('the replay is over', async () => {
        const now = await fleet.client.replays.get('letters', id);
        return now.status === 'running' ? undefined : now;
      });
    };
    const worse = await replay(blind);
    expect(worse.pairs.map(({ state, values }) => [state, values['score:right']])).toEqual(
      Array.from({ length: 8 }, () => ['done', { recorded: 1, replayed: 0 }]),
    );
    expect(worse.status).not.toBe('passed');
    const same = await replay(wide);
    expect(same.pairs.map(({ values }) => values['score:right'])).toEqual(
      Array.from({ length: 8 }, () => ({ recorded: 1, replayed: 1 })),
    );
    expect(same.status).not.toBe('failed');
    expect(same.comparison.find(({ metric }) => metric === 'score:right')?.meanDifference).toBe(0);
  });

  it('shadow: live steps of the stable version run on the candidate too, beside the evidence and without effect', async () => {
    const blind = await fleet.publish('letters', words.blind);
    const rules = [{ metric: 'score:right', action: 'notify' }] as const;
    const { id } = await fleet.client.rollouts.start('letters', {
      ...canary,
      candidateVersionId: blind,
      weight: 0.000001,
      rules,
      shadow: 1,
    });
    const runs = await fleet.drive('letters', 'shadowed', 10);
    expect(runs.every(({ agents }) => agents['letters']?.arm === 0)).toBe(true);
    const shadow = await eventually('shadows are compared', async () => {
      const { shadow: found } = await fleet.client.rollouts.results('letters');
      return found !== undefined && found.shadows + found.failed + found.skipped >= 10 ? found : undefined;
    });
    expect([shadow.failed, shadow.shadows > 0]).toEqual([0, true]);
    expect(shadow.metrics.find(({ metric }) => metric === 'score:right')).toMatchObject({ live: 1, shadow: 0 });
    const { items } = await fleet.client.rollouts.observations('letters', { rolloutId: id, metric: 'score:right' });
    expect(items.every(({ arm, value }) => arm === 0 && value === 1)).toBe(true);
    await fleet.client.rollouts.cancel('letters');
  });
});

describe('the memory of an agent while its rollout lives', () => {
  it('is frozen: what a run proposes waits until the end (I9)', async () => {
    const candidateVersionId = await fleet.publish('keeper', words.blind);
    await fleet.client.rollouts.start('keeper', { ...canary, candidateVersionId });
    const run = await fleet.run('keeper', 'ann', { params: { note: 'Geese are loud.' } });
    expect(run.status).toBe('succeeded');
    const proposed = async () => (await fleet.client.memory.proposals({ runId: run.runId })).items;
    expect(await fleet.client.memory.fold()).toEqual([]);
    expect((await proposed()).map(({ status }) => status)).toEqual(['pending']);
    const next = await fleet.run('keeper', 'bob');
    expect(next.memory?.['agent/keeper'] ?? 0).toBe(run.memory?.['agent/keeper'] ?? 0);
    await fleet.client.rollouts.rollback('keeper');
    await eventually('it is folded', async () => {
      await fleet.client.memory.fold();
      return (await proposed()).every(({ status }) => status === 'folded');
    });
  });
});
