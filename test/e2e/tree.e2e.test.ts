import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunView } from '@skein/domain';
import type { RunListItem } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeOpenAi } from './fake-openai.ts';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, isAlive, Stack, skein } from './stack.ts';
import { treeProject } from './tree-project.ts';

const ledger = new Ledger();

/** The agent answers with the first line of its instructions and what it was asked. */
const model = new FakeOpenAi(({ body }) => {
  const text = (role: string): string => String(body.messages.find((message) => message.role === role)?.content);
  const line = /^You are .*$/m.exec(text('system'))?.[0];
  return { name: 'output', input: { answer: `${line} I was asked ${text('user')}` } };
});

let folder: string;
let stack: Stack;

beforeAll(async () => {
  await model.start();
  folder = folderWith(treeProject(model.url, ledger));
  // A busy machine may take seconds to start a coordinator: the lease is long enough that every restart is within it.
  stack = await Stack.start(folder, { env: { SKEIN_LEASE_MS: '120000', OPENAI_API_KEY: 'none' } });
});

afterAll(async () => {
  const { left } = await stack.stop();
  await model.stop();
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** The runs that steps of a run called, oldest first. */
const calledBy = async (runId: string): Promise<readonly RunListItem[]> =>
  (await stack.client.runs.list({ parent: runId, limit: 500 })).items.toReversed();

/** All runs of a tree but the root. */
const treeOf = async (runId: string): Promise<readonly RunView[]> => {
  const called = await calledBy(runId);
  const views = await Promise.all(called.map((child) => stack.client.runs.get(child.runId)));
  const below = await Promise.all(called.map((child) => treeOf(child.runId)));
  return [...views, ...below.flat()];
};

const stepOf = (run: RunView, id: string) => run.steps.find((step) => step.id === id);

describe('a tree of runs', () => {
  it('hands params down and outputs back, tries again, goes on, and keeps the agents and the snapshot of its root', async () => {
    const { runId } = await stack.submit('tree');
    await ledger.written('held', 1);
    // What is published while the tree runs is for later runs.
    writeFileSync(join(folder, 'agents/oracle/INSTRUCTIONS.md'), 'You are the second oracle.\n');
    expect((await skein(stack, 'apply', folder, '--activate')).stdout).toContain('active: v1 -> v2');
    ledger.release('held');
    await stack.finished(runId);
    const run = await stack.client.runs.get(runId);
    expect([run.error, run.status, run.partial]).toEqual([undefined, 'succeeded', true]);

    const results = (await stack.client.runs.output(runId, 'each', 'results')) as unknown;
    expect(results).toEqual(
      ['a', 'b', 'c', 'd'].map((item) => ({
        item,
        status: 'succeeded',
        outputs: { number: 7, name: `the name is ${item}` },
      })),
    );
    const all = JSON.parse(stepOf(run, 'gather')?.outputs['ALL'] as string);
    expect(all).toEqual({
      numbers: [7, 7, 7, 7],
      said: 'hello',
      answer: expect.stringMatching(/^You are the first oracle\. I was asked why \[\{"item":"a"/),
    });
    expect(stepOf(run, 'own')?.outputs).toEqual({ answer: 'You are the first oracle. I was asked in the root' });

    let [now, most] = [0, 0];
    for (const line of ledger.lines('leaf')) {
      now += line === '+' ? 1 : -1;
      most = Math.max(most, now);
    }
    expect([ledger.lines('leaf').length, now, most]).toEqual([8, 0, 2]);

    expect(stepOf(run, 'flaky')).toMatchObject({ status: 'succeeded', attempt: 2 });
    const children = await calledBy(runId);
    const counted = children.map(({ dag, status }) => `${dag} ${status}`).toSorted();
    expect(counted).toEqual([
      'asking succeeded',
      'broken failed',
      'flaky failed',
      'flaky succeeded',
      'leaf succeeded',
      'leaf succeeded',
      'leaf succeeded',
      'leaf succeeded',
      'say-hello succeeded',
    ]);
    const broken = children.find(({ dag }) => dag === 'broken')?.runId ?? '';
    expect(stepOf(run, 'tolerated')).toMatchObject({ status: 'failed', childRunId: broken });
    expect(stepOf(run, 'tolerated')?.error?.message).toMatch(
      new RegExp(`^DAG "broken" \\(run ${broken}\\) failed: .*step fail failed`),
    );

    const below = await treeOf(runId);
    expect(below.map(({ dag }) => dag)).toContain('inner');
    expect(new Set(below.map(({ snapshotDigest }) => snapshotDigest))).toEqual(new Set([run.snapshotDigest]));
    expect(run.snapshotDigest).toMatch(/^sha256:/);
    expect(below.every(({ rootRunId }) => rootRunId === runId)).toBe(true);
    for (const { agents } of below) expect(agents).toEqual(run.agents);
    const listed = await skein(stack, 'runs', '--parent', runId);
    for (const child of children) expect(listed.stdout).toContain(child.runId);
    expect(listed.stdout.match(/run_[0-9a-f-]{36}/g)).toHaveLength(children.length);
  });

  it('fails the step whose name is none of its choices, and starts nothing for it', async () => {
    const { runId } = await stack.submit('tree', { names: [], tongue: 'servus' });
    const run = await stack.finished(runId);
    const chosen = run.steps.find((step) => step.id === 'chosen');
    expect([run.status, chosen?.status]).toEqual(['failed', 'failed']);
    expect(chosen?.error?.message).toContain('say-servus');
    expect((await calledBy(runId)).some(({ dag }) => dag.startsWith('say-'))).toBe(false);
  });

  it('ends calls that never end, and says that they nest too deep', async () => {
    const { runId } = await stack.submit('endless');
    const run = await stack.finished(runId);
    expect([run.status, run.steps[0]?.error?.code]).toEqual(['failed', 'resource_exhausted']);
    expect(await treeOf(runId)).toHaveLength(16);
  });
});

describe('a run that needs what does not exist', () => {
  it.each([
    ['no-dag', /step "lost" of DAG "no-dag-inner" \(called by step "calls" of DAG "no-dag"\) .*"nowhere"/],
    [
      'no-version',
      /step "lost" of DAG "no-version-inner" \(called by step "calls" of DAG "no-version"\) .*"oracle".*v9/,
    ],
  ])('%s fails before anything is dispatched, and names the path that asked', async (dag, message) => {
    const { runId } = await stack.submit(dag);
    const run = await stack.finished(runId);
    expect(run.status).toBe('failed');
    expect(run.error?.message).toMatch(message);
    expect(run.steps.map(({ attempt }) => attempt)).toEqual([0, 0]);
    expect(ledger.lines('dispatched')).toEqual([]);
    expect(await calledBy(runId)).toEqual([]);
  });

  it('fails when the agent of a called DAG has no active version', async () => {
    const project = folderWith({
      'agents/idle/agent.yaml': 'model: { provider: offline, model: rules-1 }\n',
      'agents/idle/INSTRUCTIONS.md': 'Idle.\n',
      'dags/idling.yaml': `name: idling
steps:
  - { id: first, command: '${ledger.note('dispatched', 'idling')}' }
  - { id: calls, depends: first, call: idling-inner }
---
name: idling-inner
steps:
  - { id: idle, type: agent, agent: idle, prompt: Idle. }
`,
    });
    expect((await skein(stack, 'apply', project)).exitCode).toBe(0);
    const { runId } = await stack.submit('idling');
    const run = await stack.finished(runId);
    expect([run.status, run.error?.message]).toEqual(['failed', expect.stringMatching(/idling-inner.*idle/)]);
    expect(ledger.lines('dispatched')).toEqual([]);
    rmSync(project, { recursive: true, force: true });
  });

  it('cannot be published with a skill that is nowhere', async () => {
    const project = folderWith({
      'agents/skilled/agent.yaml': 'model: { provider: offline, model: rules-1 }\nskills: [juggling]\n',
      'agents/skilled/INSTRUCTIONS.md': 'Juggle.\n',
      'dags/circus.yaml': 'name: circus\nsteps:\n  - { id: show, type: agent, agent: skilled, prompt: Go. }\n',
    });
    const { exitCode, stderr } = await skein(stack, 'apply', project, '--activate');
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/agents\/skilled\/agent\.yaml:2:\d+.*juggling/)]);
    expect((await stack.client.dags.list()).map(({ name }) => name)).not.toContain('circus');
    rmSync(project, { recursive: true, force: true });
  });
});

describe('a tree whose processes die', () => {
  const pids = async (key: string, start: number): Promise<readonly number[]> =>
    ((await ledger.written(key, start))[start - 1] ?? '').split(' ').map(Number);

  it('is cancelled at its root: a process two calls below is stopped, and nothing of it is left', async () => {
    const { runId } = await stack.submit('deep', { key: 'cancel' });
    const processes = await pids('cancel', 1);
    expect(processes.map(isAlive)).toEqual([true, true]);
    expect((await skein(stack, 'cancel', runId, '--message', 'enough')).exitCode).toBe(0);
    const run = await stack.finished(runId);
    expect([run.status, run.steps.map(({ status }) => status)]).toEqual(['cancelled', ['cancelled']]);
    const below = await treeOf(runId);
    expect(below.map(({ dag, status }) => `${dag} ${status}`)).toEqual(['middle cancelled', 'low cancelled']);
    await eventually('its processes are gone', () => !processes.some(isAlive));
    expect(ledger.lines('cancel')).toHaveLength(1);
  });

  it('goes on with attempt 2 of a step whose worker was killed, in the same child run', async () => {
    const { runId } = await stack.submit('deep', { key: 'worker' });
    const first = await pids('worker', 1);
    const low = (await treeOf(runId)).find(({ dag }) => dag === 'low');
    const holder = (await stack.began(low?.runId ?? '', low?.steps[0]?.id ?? '')).workerId;
    const victim = (await stack.workers()).find(({ workerId }) => workerId === holder);
    process.kill(victim?.pid ?? -1, 'SIGKILL');
    await pids('worker', 2);
    await eventually('the first attempt is dead', () => !first.some(isAlive));
    ledger.release('worker');
    expect((await stack.finished(runId)).status).toBe('succeeded');
    const below = await treeOf(runId);
    expect(below.map(({ dag, status, steps }) => [dag, status, steps.map(({ attempt }) => attempt)])).toEqual([
      ['middle', 'succeeded', [1, 1]],
      ['low', 'succeeded', [2]],
    ]);
    expect(below.find(({ dag }) => dag === 'low')?.runId).toBe(low?.runId);
    await eventually('a new worker took its place', async () => {
      const workers = await stack.workers();
      return workers.filter(({ state }) => state === 'connected').length === 2;
    });
  });

  it('survives the coordinator in the middle of 30 calls: each child exists once, and nothing that succeeded runs again', async () => {
    const items = Array.from({ length: 30 }, (_, n) => n);
    const { runId } = await stack.submit('wide', { items });
    // Ten are through; six more hold every place that the fan-out has.
    await ledger.written('last', 10);
    await ledger.written('first', 16);
    await stack.killCoordinator();
    const before = await calledBy(runId);
    expect(before.length).toBeLessThan(30);
    ledger.release('wide');
    // Once more while calls begin and end, wherever that finds it.
    await ledger.written('first', 20);
    await stack.killCoordinator();
    const run = await stack.finished(runId);
    expect([run.status, run.steps[0]?.items]).toEqual(['succeeded', { count: 30, succeeded: 30 }]);
    const children = await calledBy(runId);
    expect(children.map(({ status }) => status)).toEqual(items.map(() => 'succeeded'));
    const views = await Promise.all(children.map((child) => stack.client.runs.get(child.runId)));
    const numbers = views.map(({ params }) => Number(params['n']));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(items);
    for (const { runId: earlier } of before) expect(children.map((child) => child.runId)).toContain(earlier);
    expect(
      ledger
        .lines('first')
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(items);
    expect(
      ledger
        .lines('last')
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(items);
  });
});
