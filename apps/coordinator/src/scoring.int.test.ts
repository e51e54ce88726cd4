import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCoordinator, defaultCoordinatorConfig } from '@skein/coordinator';
import type { JsonValue, TaskOffer, ValueRef } from '@skein/domain';
import { createExpressions, createProjectReader } from '@skein/language';
import type { CoordinatorMessage, StreamLink, WorkerMessage } from '@skein/ports';
import { openSqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';

const clock = createSystemClock();
const ids = createIdSource();
const hasher = createHasher();
const lines: Parameters<typeof createMemoryLog>[0] = [];
const log = createMemoryLog(lines);

const agentYaml = `description: answers
scorers:
  - { id: short, type: expression, expression: "size(outputs.text) / 10.0" }
  - { id: kind, type: agent, agent: judge, rubric: 'Good says "please".' }
  - { id: thumbs, type: posted }
`;

const project = (instructions: string) =>
  Object.entries({
    'dags/ask.yaml': 'steps:\n  - { id: a, type: agent, agent: scout, prompt: "Say something." }\n',
    'agents/scout/agent.yaml': agentYaml,
    'agents/scout/INSTRUCTIONS.md': instructions,
    'agents/judge/agent.yaml': 'description: judges\n',
    'agents/judge/INSTRUCTIONS.md': 'Judge.',
  }).map(([path, text]) => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) }));

/** A coordinator on a data folder; nothing is in memory that was not there on disk. */
const open = async (dataDir: string) => {
  const stores = await openSqlStores({ dataDir, log, clock, ids, hasher });
  const coordinator = createCoordinator(
    {
      clock,
      ids,
      hasher,
      log,
      secrets: createSecrets(),
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      ...stores,
      projectReader: createProjectReader({ hasher }),
      expressions: createExpressions(),
    },
    {
      coordinatorId: 'coordinator',
      sweepMs: 50,
      heartbeatMs: 300,
      leaseMs: 5_000,
      rollouts: { ...defaultCoordinatorConfig.rollouts, tickMs: 50 },
    },
  );
  await coordinator.start();
  const close = async () => {
    await coordinator.stop();
    await stores.close();
  };
  return { coordinator, stores, close };
};

type Open = Awaited<ReturnType<typeof open>>;

/** A worker that answers what `answer` says; undefined: it never does. */
const work = async (
  { coordinator }: Open,
  token: string,
  answer: (offer: TaskOffer) => { readonly [name: string]: JsonValue } | undefined,
) => {
  const link: StreamLink<WorkerMessage> = coordinator.gateway.openWorkerStream(
    { token },
    {
      onMessage: (message: CoordinatorMessage) => {
        if (message.type !== 'offer') return;
        const { runId, step, attempt, token: fence } = message.offer;
        const task = { runId, step, attempt, token: fence };
        link.send({ type: 'received', task });
        link.send({ type: 'started', task });
        const said = answer(message.offer);
        if (said === undefined) return;
        const outputs = Object.fromEntries(
          Object.entries(said).map(([name, value]): [string, ValueRef] => [name, { inline: value }]),
        );
        link.send({ type: 'result', result: { ...task, outcome: { status: 'succeeded' }, outputs, durationMs: 5 } });
      },
      onClosed: () => undefined,
    },
  );
  link.send({
    type: 'hello',
    protocol: { min: 1, max: 1 },
    worker: {
      workerId: ids.next('wrk'),
      incarnation: ids.next('lch'),
      labels: {},
      slots: 20,
      kinds: ['agent', 'noop'],
      isolation: 'none',
      snapshotFormats: [1],
      version: '0',
      hostname: 'h',
      pid: 1,
    },
    held: [],
    running: [],
    unacknowledged: [],
  });
  link.send({ type: 'credits', free: 20, offersSeen: 0 });
  let stop = (): void => {};
  const beat = (): void => {
    link.send({ type: 'heartbeat', sentAtMs: 0, running: 0 });
    stop = clock.after(200, beat);
  };
  beat();
  onTestFinished(() => stop());
};

test('on disk, with CEL and a judge: each unit gets its values once, also when the coordinator is gone meanwhile', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-scores-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  let one = await open(dataDir);
  onTestFinished(() => one.close());
  const apply = (instructions: string, activate: boolean) =>
    one.coordinator.applyProject('default', {
      files: project(instructions),
      autoModel: { provider: 'offline', model: 'rules-1' },
      activate,
      dryRun: false,
    });
  await apply('Answer.', true);
  const next = await apply('Answer better.', false);
  const candidateVersionId = next.agents.find(({ agentId }) => agentId === 'scout')?.versionId ?? '';
  const { token } = await one.coordinator.createToken('default', 'join', 'w');
  const { rollout } = await one.coordinator.rollouts.start(
    'default',
    'scout',
    { type: 'canary', candidateVersionId, weight: 0.5 },
    { actor: 'ann' },
  );
  expect(rollout.scorers.map(({ id }) => id)).toEqual(['short', 'kind', 'thumbs']);

  // No judge answers before the restart.
  await work(one, token, (offer) => (offer.dagName === 'ask' ? { text: 'please' } : undefined));
  const runIds: string[] = [];
  for (let unit = 0; unit < 6; unit += 1) {
    const { run } = await one.coordinator.submitRun('default', {
      dag: 'ask',
      routingContext: { resourceId: `u${unit}` },
    });
    runIds.push(run.runId);
  }
  const units = () => one.stores.rollouts.readUnits('default', rollout.id, 0, 100);
  await expect
    .poll(async () => (await units()).filter(({ values }) => 'score:short' in values).length, { timeout: 20_000 })
    .toBe(6);
  for (const { values } of await units()) expect(values).toMatchObject({ error: 0, 'score:short': 0.6 });
  await one.close();

  one = await open(dataDir);
  await work(one, token, (offer) => (offer.dagName === 'evaluation' ? { score: 0.5, reason: 'ok' } : undefined));
  await expect
    .poll(async () => (await units()).filter(({ values }) => values['score:kind'] === 0.5).length, { timeout: 20_000 })
    .toBe(6);
  for (const runId of runIds) {
    const posted = await one.coordinator.rollouts.postScore(
      'default',
      runId,
      { scorer: 'thumbs', value: 1 },
      { actor: 'bob' },
    );
    expect(posted).toMatchObject({ recorded: true, counted: true });
    const scores = await one.coordinator.rollouts.listScores('default', runId);
    expect(scores.map(({ scorer }) => scorer).toSorted()).toEqual(['kind', 'short', 'thumbs']);
  }
  const { items } = await one.stores.rollouts.listObservations('default', rollout.id, undefined, 1_000);
  expect(items.length).toBe(6 * (10 + 3 * 2));
  expect(new Set(items.map(({ seq, metric }) => `${seq} ${metric}`)).size).toBe(items.length);
});
